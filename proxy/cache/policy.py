"""What may be answered from the cache, joined to a call under way, and stored. Pure (contract J)."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from proxy.cache.server_tools import SUSPECTS, has_server_tools

When = Literal["always", "temperature_0", "opt_in"]


class CacheRules(msgspec.Struct, frozen=True, kw_only=True):
    """The cache section of the configuration, as far as it decides."""

    enabled: bool = True
    when: When = "always"
    """`temperature_0`: only requests that ask for temperature 0 (embeddings have none and pass); `opt_in`: only requests with
    `Cache-Control: max-age`."""
    store_tool_calls: bool = False
    fresh_s: float = float("inf")
    """An older answer is made anew while it is served."""
    max_body_bytes: int = 1024 * 1024
    """Larger answers are not stored."""


class CacheVerdict(msgspec.Struct, frozen=True):
    read: bool
    """Stored answers may be served."""
    write: bool
    """The answer may be stored (`storable` has the last word)."""
    join: bool
    """May lead or follow a single flight."""
    max_age_s: float | None = None
    """Oldest stored answer that the client accepts; None: any."""
    reason: str = ""
    """Why not all of it is allowed; "" when all is."""


class StoreVerdict(msgspec.Struct, frozen=True):
    store: bool
    reason: str = ""


_ALL = CacheVerdict(True, True, True)
_STORE = StoreVerdict(True)
_ALWAYS_DETERMINISTIC = "openai_embeddings"


def judge(body: dict[str, Any], headers: Mapping[bytes, bytes], rules: CacheRules, dialect: str) -> CacheVerdict:
    """`headers`: lower-case names. Never raises, whatever the body holds."""
    if not rules.enabled:
        return _bypass("cache is off")
    control = headers.get(b"cache-control")
    if control is None and rules.when == "always":
        if _SUSPECTS.isdisjoint(body) and dialect != "openai_responses":
            return _ALL  # the usual body
        reason = never_shared(body, dialect)
        return _ALL if reason is None else _bypass(reason)
    asked = _parse_control(control or b"")
    if asked.no_store:
        return _bypass("Cache-Control: no-store")
    reason = never_shared(body, dialect) or _not_wanted(body, rules, dialect, asked)
    if reason is not None:
        return _bypass(reason)
    if asked.no_cache:
        return CacheVerdict(False, True, False, asked.max_age_s, "Cache-Control: no-cache")
    return _ALL if asked.max_age_s is None else CacheVerdict(True, True, True, asked.max_age_s)


def storable(rules: CacheRules, status: int, complete: bool, tool_calls: bool, size_bytes: int, failed: bool = False) -> StoreVerdict:
    """`complete`: the answer is whole by its dialect's own evidence; `failed`: it carries an in-band error."""
    if status != 200 or failed:
        return StoreVerdict(False, "error")
    if not complete:
        return StoreVerdict(False, "truncated")
    if tool_calls and not rules.store_tool_calls:
        return StoreVerdict(False, "tool calls")
    if size_bytes > rules.max_body_bytes:
        return StoreVerdict(False, "too large")
    return _STORE


def _bypass(reason: str) -> CacheVerdict:
    return CacheVerdict(False, False, False, None, reason)


_SUSPECTS = frozenset({"store", "background", "previous_response_id", "conversation"}) | SUSPECTS
"""Fields without which `never_shared` is None, but for the Responses API."""


def never_shared(body: dict[str, Any], dialect: str) -> str | None:
    """Why the call does more than answer, so that neither its answer can be another's nor a second call be made beside it; None: it
    does not."""
    # The Responses API stores unless told not to: an absent `store` is a true one there (OpenAI API reference, read 2026-11-22).
    store = body.get("store")
    if store or (store is None and dialect == "openai_responses"):
        return "store: true"
    if body.get("background"):
        return "background"
    if body.get("previous_response_id") is not None:
        return "previous_response_id"
    if body.get("conversation") is not None:
        return "conversation"
    return "server-side tools" if has_server_tools(body) else None


class _Asked(msgspec.Struct):
    no_cache: bool = False
    no_store: bool = False
    max_age_s: float | None = None


def _parse_control(value: bytes) -> _Asked:
    """A max-age that cannot be read counts as 0, as RFC 9111 section 4.2.1 encourages for invalid freshness."""
    asked = _Asked()
    for directive in value.decode("latin-1").lower().split(","):
        name, _, argument = directive.strip().partition("=")
        if name == "no-cache":
            asked.no_cache = True
        elif name == "no-store":
            asked.no_store = True
        elif name == "max-age":
            digits = argument.strip().strip('"')
            age_s = float(digits[:10]) if digits.isascii() and digits.isdigit() else 0.0
            asked.max_age_s = age_s if asked.max_age_s is None else min(asked.max_age_s, age_s)
    return asked


def _not_wanted(body: dict[str, Any], rules: CacheRules, dialect: str, asked: _Asked) -> str | None:
    if rules.when == "opt_in" and asked.max_age_s is None:
        return "not opted in"
    if rules.when == "temperature_0" and dialect != _ALWAYS_DETERMINISTIC and not _is_zero(_temperature(body)):
        return "temperature is not 0"
    return None


def _temperature(body: dict[str, Any]) -> Any:
    """From where the dialects keep it: top level, Bedrock's `inferenceConfig`, Gemini's `generationConfig`, Titan's."""
    for name in ("inferenceConfig", "generationConfig", "textGenerationConfig"):
        section = body.get(name)
        if isinstance(section, dict) and "temperature" in section:
            return section["temperature"]
    return body.get("temperature")


def _is_zero(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0
