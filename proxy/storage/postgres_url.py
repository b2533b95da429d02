"""`postgresql://user:password@host[,host…]/database?…`: libpq's own URL, with three parameters of ours in it."""

from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from proxy.core.errors import Unavailable

CONNECTIONS = 8
TIMEOUT_MS = 2000
_OURS = ("connections", "timeout_ms", "prepare")


class PostgresUrl(NamedTuple):
    conninfo: str
    """For libpq: without what is ours."""
    connections: int = CONNECTIONS
    """At most, of one process."""
    timeout_s: float = TIMEOUT_MS / 1e3
    """Of a call, with waiting for a connection."""
    prepare: bool | None = None
    """Whether statements may be prepared at the server; None: where it is the server itself that answers, and no pooler."""


def parse(url: str) -> PostgresUrl:
    """Raises Unavailable: the settings check no more of the URL than its scheme."""
    place, _, query = url.partition("?")
    _, _, rest = place.partition("://")
    parameters = parse_qsl(query, keep_blank_values=True)
    ours = {name: value for name, value in parameters if name in _OURS}
    theirs = urlencode([pair for pair in parameters if pair[0] not in _OURS], quote_via=quote)
    return PostgresUrl(
        f"postgresql://{rest}" + (f"?{theirs}" if theirs else ""),
        _number(ours, "connections", CONNECTIONS),
        _number(ours, "timeout_ms", TIMEOUT_MS) / 1e3,
        _switch(ours, "prepare"),
    )


def _number(ours: dict[str, str], name: str, default: int) -> int:
    text = ours.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1_000_000:
        raise Unavailable(f"stores.records: {name} must be a whole number greater than 0, not {text!r}")
    return int(text)


def _switch(ours: dict[str, str], name: str) -> bool | None:
    text = ours.get(name, "auto")
    if text not in ("on", "off", "auto"):
        raise Unavailable(f"stores.records: {name} must be on, off or auto, not {text!r}")
    return None if text == "auto" else text == "on"
