"""What a client's request says beyond the canonical types, kept so that the same dialect writes it back as it came.

Two kinds: fields that mean something (a tool's `defer_loading`) are also listed in `extra`, so that other dialects report them;
mere spelling (`"is_error": false`, a bare string for one text block) is kept here alone.
"""

from typing import Any

import msgspec

from proxy.core.request import ChatRequest


class WireRequest(ChatRequest, frozen=True, kw_only=True):
    """A request decoded from this dialect."""

    residue: dict[str, dict[str, Any]] = {}
    """JSON path of an object → its fields that the canonical form does not carry, as sent. A block's residue holds its `type` too:
    it is written back only onto a block of that type, should a policy have changed the content."""
    strings: frozenset[str] = frozenset()
    """JSON paths where a bare string stood for one text block."""
    betas: tuple[str, ...] = ()
    """Of the header `anthropic-beta`, which InvokeModel has in its body."""


def with_betas(request: WireRequest, header: str) -> WireRequest:
    return msgspec.structs.replace(request, betas=tuple(beta for part in header.split(",") if (beta := part.strip())))


class Residue:
    """Collects the above while a request is decoded."""

    def __init__(self) -> None:
        self.fields: dict[str, dict[str, Any]] = {}
        self.strings: set[str] = set()
        self.telling: dict[str, Any] = {}
        """Path → value of the fields that mean something."""

    def keep(self, obj: dict[str, Any], path: str, required: frozenset[str], optional: frozenset[str]) -> None:
        """Note the fields of `obj` outside both sets, and the optional ones that are null, false or empty."""
        if obj.keys() <= required:
            return
        rest = {k: v for k, v in obj.items() if k not in required and not (v and k in optional)}
        if rest:
            self.fields.setdefault(path, {}).update(rest)
            for key, value in rest.items():
                if value and key not in optional and value != _DIRECT:
                    self.telling[f"{path}.{key}"] = value

    def keep_field(self, path: str, key: str, value: Any) -> None:
        self.fields.setdefault(path, {})[key] = value


_DIRECT = {"type": "direct"}
"""A tool call's `caller` when the model itself made it, which is what every other dialect means."""


def told_of(telling: dict[str, Any], path: str) -> dict[str, Any]:
    """The telling fields below one message, keyed relative to it (`content[0].caller`)."""
    if not telling:
        return {}
    prefix = path + "."
    return {key[len(prefix) :]: value for key, value in telling.items() if key.startswith(prefix)}


def restore(obj: dict[str, Any], path: str, residue: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """`obj` with its residue."""
    rest = residue.get(path)
    if rest is not None and rest.get("type", obj.get("type")) == obj.get("type"):
        obj.update(rest)
    return obj
