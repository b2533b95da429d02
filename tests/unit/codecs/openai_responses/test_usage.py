"""Token counts."""

from typing import Any

import pytest
from openai.types.responses import ResponseUsage

from proxy.codecs.openai_responses.usage import decode_usage, encode_usage
from proxy.core.response import Usage


def test_cached_and_written_tokens_are_part_of_the_input() -> None:
    """Apart in the canonical form; reasoning is part of the output in both."""
    usage = decode_usage(
        {
            "input_tokens": 40,
            "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 5},
            "output_tokens": 30,
            "output_tokens_details": {"reasoning_tokens": 12},
            "total_tokens": 70,
        }
    )
    assert usage == Usage(input_tokens=25, cache_read_tokens=10, cache_write_tokens=5, output_tokens=30, reasoning_tokens=12)
    assert decode_usage(encode_usage(usage)) == usage


def test_a_server_without_details() -> None:
    """Counts only, which the SDK still gets whole."""
    usage = decode_usage({"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})
    assert usage == Usage(input_tokens=3, output_tokens=4)
    encoded = encode_usage(usage)
    ResponseUsage.model_validate(encoded, strict=True)
    assert encoded["total_tokens"] == 7


@pytest.mark.parametrize(
    "raw",
    [
        {"input_tokens": "3"},
        {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 5}},
        {"input_tokens": 3, "input_tokens_details": {"video_tokens": 1}},
        {"input_tokens": 3, "tool_tokens": {"search": [2]}},
        {"input_tokens": 3, "output_tokens_details": {"reasoning_tokens": -1}},
    ],
)
def test_an_unknown_meter_marks_the_bill(raw: dict[str, Any]) -> None:
    """Contract F: incomplete, never cheaper."""
    assert decode_usage(raw).incomplete


@pytest.mark.parametrize(
    "raw", [{"input_tokens": 3.0}, {"input_tokens": 3, "cost": 0.1}, {"input_tokens": 3, "input_tokens_details": {"image_tokens": 2}}, {}]
)
def test_what_hides_nothing(raw: dict[str, Any]) -> None:
    """Contained in the counts, or no count."""
    usage = decode_usage(raw)
    assert not usage.incomplete
    assert usage.prompt_tokens == raw.get("input_tokens", 0)


def test_audio_and_unknown_details_come_back() -> None:
    """Of this dialect only."""
    raw = {"input_tokens": 9, "input_tokens_details": {"audio_tokens": 4, "text_tokens": 5}, "output_tokens": 2, "cost": 0.5}
    usage = decode_usage({**raw, "output_tokens_details": {"audio_tokens": 1}})
    encoded = encode_usage(usage)
    assert encoded["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 4, "text_tokens": 5}
    assert encoded["output_tokens_details"] == {"reasoning_tokens": 0, "audio_tokens": 1}
    assert encoded["cost"] == 0.5
    assert "prompt_tokens_details" not in encode_usage(Usage(extra={"prompt_tokens_details": {}}))


def test_tier_of_the_response() -> None:
    """It stands beside the usage, and is what that is billed at."""
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert [decode_usage(usage, tier).service_tier for tier in ("priority", "default", None)] == ["priority", None, None]
