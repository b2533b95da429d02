"""Contract J, the key clauses: what separates two requests in the cache and what does not."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.cache.fingerprint import fingerprint

EXCLUDED = ("stream", "stream_options", "user", "safety_identifier", "metadata", "requestMetadata", "labels", "prompt_cache_key")
"""As the contract lists them: exactly these."""

NAMES = st.sampled_from(["model", "messages", "temperature", "stop", "top_p", "x_vendor", "stream", "user", "metadata", "a", "b"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.sampled_from(["", "a", "ab", '","', "[", "\u00e9"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(NAMES, JSON, max_size=5)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    scope: str = "tenant-a"
    dialect: str = "openai_chat"
    route: str = "/v1/chat/completions"
    model: str = "smart"
    route_digest: str = "0" * 64
    headers: Mapping[bytes, bytes] = {}
    body: Mapping[str, Any] = {}

    def key(self) -> bytes:
        return fingerprint(
            scope=self.scope,
            dialect=self.dialect,
            route=self.route,
            model=self.model,
            route_digest=self.route_digest,
            headers=self.headers,
            body=dict(self.body),
        )


def changed(request: Request, **fields: Any) -> Request:
    return msgspec.structs.replace(request, **fields)


CHAT = Request(body={"model": "smart", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.7, "max_tokens": 10})


def counted(value: Any) -> bytes:
    """What is left of a body, by a serialiser of the test's own."""
    return orjson.dumps({name: value[name] for name in sorted(value) if name not in EXCLUDED}, option=orjson.OPT_SORT_KEYS)


def test_the_key_is_a_whole_sha_256() -> None:
    """256 bits: no birthday finds two requests."""
    assert len(CHAT.key()) == hashlib.sha256().digest_size


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("scope", "tenant-b"),
        ("scope", ""),
        ("dialect", "anthropic_messages"),
        ("route", "/v1/completions"),
        ("model", "fast"),
        ("route_digest", "1" * 64),
        ("headers", {b"anthropic-version": b"2023-06-01"}),
        ("headers", {b"anthropic-version": b""}),
        ("headers", {b"anthropic-beta": b"context-1m-2025-08-07"}),
        ("headers", {b"openai-beta": b"assistants=v2"}),
    ],
)
def test_each_part_of_the_key_separates(field: str, other: Any) -> None:
    """Scope (so no tenant reads another's answers), dialect, route, model asked for, its route entry, version and beta headers."""
    assert changed(CHAT, **{field: other}).key() != CHAT.key()


def test_no_other_header_separates() -> None:
    """In particular no credential: it must not be in the key, not even hashed."""
    others = {b"authorization": b"Bearer k", b"x-api-key": b"k", b"user-agent": b"x", b"traceparent": b"00", b"cache-control": b"max-age=1"}
    assert changed(CHAT, headers=others).key() == CHAT.key()


def test_parts_do_not_run_into_each_other() -> None:
    """The same letters cut elsewhere, or looking like the framing, are another key."""
    cuts = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"), ('a","b', "c"), ("a", 'b","c'), ("a\0b", "c")]
    keys = {changed(CHAT, scope=scope, dialect=dialect).key() for scope, dialect in cuts}
    assert len(keys) == len(cuts)


def test_header_values_do_not_run_into_each_other() -> None:
    """An absent version and a beta are not a version and an absent beta."""
    one = changed(CHAT, headers={b"anthropic-version": b"x"})
    other = changed(CHAT, headers={b"anthropic-beta": b"x"})
    assert one.key() != other.key()


@pytest.mark.parametrize("name", EXCLUDED)
@pytest.mark.parametrize("value", [True, "x", {"a": 1}, None])
def test_excluded_fields_do_not_count(name: str, value: Any) -> None:
    """Streaming or not, whoever asks, however labelled: one answer."""
    assert changed(CHAT, body={**CHAT.body, name: value}).key() == CHAT.key()


@pytest.mark.parametrize("name", EXCLUDED)
def test_excluded_names_count_below_the_top(name: str) -> None:
    """A tool's parameter called `user` is part of the question."""
    nested = {**CHAT.body, "tools": [{"type": "function", "function": {"name": "f", "parameters": {name: 1}}}]}
    bare = {**CHAT.body, "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}
    assert changed(CHAT, body=nested).key() != changed(CHAT, body=bare).key()


@pytest.mark.parametrize(
    "field",
    [
        {"temperature": 0.8},
        {"max_tokens": 11},
        {"top_p": 0.9},
        {"stop": ["x"]},
        {"tools": []},
        {"n": 2},
        {"seed": 1},
        {"messages": [{"role": "user", "content": "hi "}]},
        {"messages": [{"role": "system", "content": "hi"}]},
        {"a_field_of_next_year": None},
        {"Stream": True},
    ],
)
def test_every_other_field_counts(field: dict[str, Any]) -> None:
    """COMPAT row 19, and unknown fields."""
    assert changed(CHAT, body={**CHAT.body, **field}).key() != CHAT.key()


def test_a_number_is_its_value() -> None:
    """COMPAT row 19: 0.7 and 0.700 hit each other."""
    spellings = [b'{"temperature": 0.7}', b'{"temperature": 0.700}', b'{"temperature":7e-1}']
    assert len({Request(body=orjson.loads(text)).key() for text in spellings}) == 1


@given(BODIES, st.randoms())
def test_the_order_of_keys_does_not_count(body: dict[str, Any], random: Any) -> None:
    """At no depth."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            names = list(value)
            random.shuffle(names)
            return {name: shuffled(value[name]) for name in names}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert Request(body=shuffled(body)).key() == Request(body=body).key()


@given(BODIES, BODIES)
def test_two_bodies_share_a_key_just_when_their_counted_fields_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal as JSON, less the excluded fields: no more and no less."""
    assert (Request(body=one).key() == Request(body=other).key()) == (counted(one) == counted(other))


@given(BODIES, NAMES, JSON)
def test_changing_one_field_changes_the_key(body: dict[str, Any], name: str, value: Any) -> None:
    """Unless it is excluded or the change is none."""
    assume(name not in EXCLUDED)
    other = {**body, name: value}
    assume(counted(body) != counted(other))
    assert Request(body=body).key() != Request(body=other).key()
