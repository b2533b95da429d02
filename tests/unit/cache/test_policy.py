"""What may be read, joined and stored (contract J), and what the client may ask for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.policy import CacheRules, CacheVerdict, judge, storable
from tests.unit.cache.test_server_tools import JSON

ALWAYS = CacheRules()
ALL = CacheVerdict(True, True, True)


def verdict(body: dict[str, Any], control: bytes | None = None, rules: CacheRules = ALWAYS, dialect: str = "openai_chat") -> CacheVerdict:
    return judge(body, {} if control is None else {b"cache-control": control}, rules, dialect)


def is_bypass(judged: CacheVerdict, reason: str) -> bool:
    return not (judged.read or judged.write or judged.join) and judged.reason == reason


def test_an_ordinary_request_may_use_all_of_the_cache() -> None:
    """Also at a temperature, as COMPAT.md's upstream does."""
    assert verdict({"model": "m", "messages": [], "temperature": 1.0}) == ALL


def test_a_cache_that_is_off_is_bypassed() -> None:
    """Single flight, too."""
    assert is_bypass(verdict({}, rules=CacheRules(enabled=False)), "cache is off")


@pytest.mark.parametrize("control", [None, b"max-age=60"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"store": True}, "store: true"),
        ({"background": True}, "background"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"tools": [{"type": "web_search"}]}, "server-side tools"),
    ],
)
def test_requests_with_effects_or_state_bypass(body: dict[str, Any], reason: str, control: bytes | None) -> None:
    """Neither cached nor joined, whatever the client asks of the cache."""
    assert is_bypass(verdict(body, control), reason)


@pytest.mark.parametrize(
    "body", [{"store": False}, {"background": False}, {"previous_response_id": None}, {"conversation": None}, {"store": None}]
)
def test_the_same_fields_switched_off_do_not_matter(body: dict[str, Any]) -> None:
    """Clients send defaults."""
    assert verdict(body) == ALL


@pytest.mark.parametrize("body", [{}, {"store": None}])
def test_the_responses_api_stores_unless_told_not_to(body: dict[str, Any]) -> None:
    """An absent `store` is a true one in that dialect, and only there."""
    assert is_bypass(verdict(body, dialect="openai_responses"), "store: true")
    assert verdict({"store": False}, dialect="openai_responses") == ALL


@pytest.mark.parametrize("control", [b"no-store", b"No-Store", b"max-age=5, no-store", b"no-cache,no-store"])
def test_no_store_keeps_the_answer_out_of_everything(control: bytes) -> None:
    """Not read, not stored, not shared. Source: RFC 9111 section 5.2.1.5, read 2026-11-22."""
    assert is_bypass(verdict({}, control), "Cache-Control: no-store")


@pytest.mark.parametrize("control", [b"no-cache", b" NO-CACHE ", b"no-cache, no-transform"])
def test_no_cache_asks_for_a_fresh_answer_and_stores_it(control: bytes) -> None:
    """It skips single flight, too."""
    judged = verdict({}, control)
    assert (judged.read, judged.write, judged.join) == (False, True, False)


@pytest.mark.parametrize(
    ("control", "max_age_s"),
    [
        (b"max-age=60", 60.0),
        (b"Max-Age=0", 0.0),
        (b'max-age="60"', 60.0),
        (b"max-age=60, max-age=30", 30.0),
        (b"max-age=99999999999999999999999", 9_999_999_999.0),
        (b"max-age=soon", 0.0),
        (b"max-age=-1", 0.0),
        (b"max-age", 0.0),
        (b"max-age=\xb2", 0.0),
        (b"max-stale=60", None),
        (b"", None),
        (b",,;", None),
    ],
)
def test_max_age_limits_what_may_be_served(control: bytes, max_age_s: float | None) -> None:
    """What cannot be read counts as 0; several count as the strictest."""
    assert verdict({}, control) == CacheVerdict(True, True, True, max_age_s)


@pytest.mark.parametrize(
    ("body", "dialect", "cached"),
    [
        ({"temperature": 0}, "openai_chat", True),
        ({"temperature": 0.0}, "anthropic_messages", True),
        ({"inferenceConfig": {"temperature": 0}}, "bedrock_converse", True),
        ({"textGenerationConfig": {"temperature": 0}}, "bedrock_invoke", True),
        ({"generationConfig": {"temperature": 0.0}}, "gemini", True),
        ({}, "openai_embeddings", True),
        ({}, "openai_chat", False),
        ({"temperature": 0.01}, "openai_chat", False),
        ({"temperature": False}, "openai_chat", False),
        ({"temperature": "0"}, "openai_chat", False),
        ({"temperature": None}, "openai_chat", False),
        ({"generationConfig": {"temperature": 1}}, "gemini", False),
        ({"generationConfig": {}}, "gemini", False),
        ({"inferenceConfig": [0]}, "bedrock_converse", False),
    ],
)
def test_temperature_0_caches_what_ought_to_repeat(body: dict[str, Any], dialect: str, cached: bool) -> None:
    """From where each dialect keeps it; embeddings have no temperature and repeat."""
    judged = verdict(body, rules=CacheRules(when="temperature_0"), dialect=dialect)
    assert judged == ALL if cached else is_bypass(judged, "temperature is not 0")


def test_opt_in_caches_for_those_who_ask() -> None:
    """By max-age; no other directive opts in."""
    rules = CacheRules(when="opt_in")
    assert verdict({}, b"max-age=60", rules) == CacheVerdict(True, True, True, 60.0)
    assert is_bypass(verdict({}, None, rules), "not opted in")
    assert is_bypass(verdict({}, b"no-transform", rules), "not opted in")


@given(st.dictionaries(st.sampled_from(["store", "background", "tools", "temperature", "generationConfig"]), JSON), st.binary(max_size=30))
def test_no_body_and_no_header_raise(body: dict[str, Any], control: bytes) -> None:
    """Judged before the codec has validated anything."""
    for when in ("always", "temperature_0", "opt_in"):
        verdict(body, control, CacheRules(when=when))


WHOLE: dict[str, Any] = {"status": 200, "complete": True, "tool_calls": False, "size_bytes": 100}


def test_a_whole_answer_is_stored() -> None:
    """The ordinary case."""
    assert storable(ALWAYS, **WHOLE).store


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"status": 500}, "error"),
        ({"status": 206}, "error"),
        ({"failed": True}, "error"),
        ({"complete": False}, "truncated"),
        ({"tool_calls": True}, "tool calls"),
        ({"size_bytes": 1024 * 1024 + 1}, "too large"),
    ],
)
def test_what_is_never_stored(facts: dict[str, Any], reason: str) -> None:
    """Errors, truncated streams, tool calls by default, answers over the cap."""
    judged = storable(ALWAYS, **WHOLE | facts)
    assert (judged.store, judged.reason) == (False, reason)


def test_tool_calls_are_stored_where_the_rules_say_so() -> None:
    """`cache.tool_calls`."""
    assert storable(CacheRules(store_tool_calls=True), **WHOLE | {"tool_calls": True}).store
