"""What a dialect's token counting endpoint looks like: the part of a codec that a `count_tokens` module has.

A counting request is a generation request, less what no prompt holds, in a wrapping of its own; so a dialect only says how the one is
made of the other.
"""

from typing import Any, Protocol

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked
from proxy.codecs.jsonbody import kind_of, parse_object


class Counting(Protocol):
    """Functions of a module."""

    def check(self, body: dict[str, Any]) -> Asked:
        """The passthrough lane's look at a client's counting request. Raises InvalidBody naming the field."""
        ...

    def generation(self, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """What the dialect's `decode_request` takes, made of a client's counting request that passed `check`; and the JSON path where it
        stands in the client's body ("": it is the body)."""
        ...

    def own(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        """A client's counting request for a provider of the same dialect, where the model is called `model`."""
        ...

    def wrapped(self, body: dict[str, Any]) -> dict[str, Any]:
        """A counting request for the provider, out of the generation request that `encode_request` made."""
        ...

    def encode_count(self, total: int) -> dict[str, Any]: ...

    def decode_count(self, body: bytes) -> int:
        """A provider's answer. Raises InvalidBody."""
        ...


def count_in(body: bytes, name: str) -> int:
    """The count under `name` of a provider's answer. Raises InvalidBody where there is none."""
    value = parse_object(body).get(name)
    if value is None:
        raise InvalidBody(f"{name} is missing", name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidBody(f"{name} must be an integer, not {kind_of(value)}", name)
    if value < 0:
        raise InvalidBody(f"{name} must be at least 0, not {value}", name)
    return value


def only(body: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The fields that a counting endpoint knows: it refuses the others, of which none counts."""
    return {key: value for key, value in body.items() if key in names}


def under(base: str, path: str) -> str:
    """A path within what stands at `base`, as the client knows it."""
    if not base or not path:
        return base or path
    return f"{base}{path}" if path.startswith("[") else f"{base}.{path}"
