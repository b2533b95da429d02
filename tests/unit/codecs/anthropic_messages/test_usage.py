"""Token counts."""

from typing import Any

import pytest

from proxy.codecs.anthropic_messages.usage import decode_tier, decode_usage, encode_tier, encode_usage, merge_usage
from proxy.codecs.base import InvalidBody
from proxy.core.response import Usage

COUNTS = {"input_tokens": 12, "output_tokens": 9, "cache_read_input_tokens": 400, "cache_creation_input_tokens": 30}


def test_counts_are_disjoint() -> None:
    """Input is what was not cached; the prompt's total is the sum."""
    usage = decode_usage({**COUNTS, "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}})
    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens) == (12, 400, 30, 20)
    assert (usage.prompt_tokens, usage.output_tokens, usage.incomplete) == (442, 9, False)


def test_thinking_tokens() -> None:
    """They are part of the output."""
    usage = decode_usage({**COUNTS, "output_tokens_details": {"thinking_tokens": 5}})
    assert (usage.reasoning_tokens, usage.output_tokens, usage.incomplete) == (5, 9, False)


@pytest.mark.parametrize("details", ["cache_creation", "output_tokens_details", "server_tool_use"])
def test_null_details_and_counts_are_zero(details: str) -> None:
    """null says nothing."""
    usage = decode_usage({"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": None, details: None})
    assert usage == Usage(input_tokens=1, output_tokens=2, extra={details: None})


@pytest.mark.parametrize(
    "meter",
    [
        {"video_seconds": 3},
        {"video": {"seconds": 0.5}},
        {"videos": [{"seconds": 1}]},
        {"server_tool_use": {"map_requests": 2}},
        {"server_tool_use": {"web_search_requests": 1}},
        {"inference_geo": "us"},
        {"cache_creation": {"ephemeral_24h_input_tokens": 7}},
        {"server_tool_use": 3},
        {"iterations": [{"type": "message", "input_tokens": 4}, {"type": "advisor_message", "input_tokens": 4}]},
        {"iterations": [3]},
    ],
)
def test_unknown_meter_makes_the_usage_incomplete(meter: dict[str, Any]) -> None:
    """Anything counted that has no price of its own here is flagged, never ignored."""
    assert decode_usage({**COUNTS, **meter}).incomplete


@pytest.mark.parametrize(
    "extra",
    [
        {"video_seconds": 0},
        {"service_tier": "standard", "inference_geo": "global", "speed": None, "flag": True},
        {"server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 1, "map_requests": 0}},
        {"iterations": [{"type": "message", "input_tokens": 4}]},
    ],
)
def test_known_details_do_not(extra: dict[str, Any]) -> None:
    """Zeros, words and known meters leave it complete, and are kept."""
    usage = decode_usage({**COUNTS, **extra})
    assert not usage.incomplete
    assert usage.extra == extra


@pytest.mark.parametrize("value", ["12", -1, 1.5, True])
def test_count_of_another_type_is_refused(value: Any) -> None:
    """A count is a non-negative integer; the path names it."""
    with pytest.raises(InvalidBody) as caught:
        decode_usage({**COUNTS, "output_tokens": value}, "message_delta.usage")
    assert caught.value.path == "message_delta.usage.output_tokens"


def test_merge_replaces_what_is_named() -> None:
    """A delta's counts are cumulative; what it leaves out or has null stays."""
    merged = merge_usage({"input_tokens": 5, "output_tokens": 1, "service_tier": "standard"}, {"output_tokens": 9, "input_tokens": None})
    assert merged == {"input_tokens": 5, "output_tokens": 9, "service_tier": "standard"}


def test_own_usage_survives() -> None:
    """Decoded and encoded again, nothing is lost."""
    raw = {**COUNTS, "cache_creation": {"ephemeral_1h_input_tokens": 20, "ephemeral_5m_input_tokens": 10}, "service_tier": "standard"}
    assert encode_usage(decode_usage(raw)) == raw


def test_usage_of_another_dialect() -> None:
    """Counts and details take this dialect's names; foreign details stay out."""
    usage = Usage(input_tokens=7, output_tokens=9, reasoning_tokens=4, cache_write_tokens=5, cache_write_1h_tokens=2, extra={"prompt": 1})
    assert encode_usage(usage) == {
        "input_tokens": 7,
        "output_tokens": 9,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 5,
        "cache_creation": {"ephemeral_1h_input_tokens": 2, "ephemeral_5m_input_tokens": 3},
        "output_tokens_details": {"thinking_tokens": 4},
    }


def test_unknown_usage_has_the_fields_that_the_sdk_requires() -> None:
    """No usage at all shows as zeros."""
    assert encode_usage(None) == {"input_tokens": 0, "output_tokens": 0}


@pytest.mark.parametrize(("wire", "tier"), [("standard", "default"), ("priority", "priority"), ("batch", "batch")])
def test_service_tier(wire: str, tier: str) -> None:
    """The tier takes OpenAI's words and comes back."""
    assert decode_tier({"service_tier": wire}) == tier
    assert encode_tier(tier) == wire


def test_tiers_that_this_dialect_lacks() -> None:
    """They are left out."""
    assert (encode_tier(None), encode_tier("flex"), decode_tier({}), decode_tier({"service_tier": 3})) == (None, None, None, None)


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ({"service_tier": "standard"}, None),
        ({"service_tier": "batch"}, "batch"),
        ({"service_tier": "priority"}, "priority"),
        ({"service_tier": "standard", "speed": "fast"}, "priority"),
        ({"service_tier": "standard", "speed": "standard"}, None),
    ],
)
def test_tier_that_is_billed(said: dict[str, str], tier: str | None) -> None:
    """Fast answers are dearer than standard ones, whatever their tier is called."""
    assert decode_usage({**COUNTS, **said}).service_tier == tier
