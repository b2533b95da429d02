"""Token counts."""

from typing import Any

import pytest

from proxy.codecs.gemini_generate.usage import decode_tier, decode_usage, encode_usage
from proxy.core.response import Usage


def test_disjoint_counts() -> None:
    """Cached tokens are part of the prompt's, thoughts and tool-use prompts stand beside."""
    raw = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30,
        "toolUsePromptTokenCount": 7,
        "totalTokenCount": 157,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 60}, {"modality": "TEXT", "tokenCount": 40}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
        "serviceTier": "standard",
    }
    usage = decode_usage(raw)
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.reasoning_tokens) == (67, 40, 50, 30)
    assert (usage.prompt_tokens, usage.total_tokens, usage.input_audio_tokens, usage.output_audio_tokens) == (107, 157, 60, None)
    assert usage.incomplete is False
    assert encode_usage(usage) == raw
    assert decode_tier(raw) == "default"
    assert decode_tier({}) is None


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"promptTokenCount": "x"},
        {"promptTokenCount": 1, "newTokenCount": 5},
        {"promptTokenCount": 1, "newDetails": [{"tokenCount": 5}]},
        {"promptTokenCount": 1, "cachedContentTokenCount": 5},
        {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 9},
    ],
)
def test_what_cannot_be_billed_is_incomplete(raw: dict[str, Any]) -> None:
    """A missing prompt, an unknown meter, a total above its parts."""
    assert decode_usage(raw).incomplete is True


def test_a_total_above_its_parts_is_output() -> None:
    """Never cheaper."""
    assert decode_usage({"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 9}).output_tokens == 8


@pytest.mark.parametrize(
    "raw", [{"promptTokenCount": 1, "trafficType": "ON_DEMAND"}, {"promptTokenCount": 1, "newWord": "x", "newFlag": True}]
)
def test_words_hide_nothing(raw: dict[str, Any]) -> None:
    """From the bill."""
    assert decode_usage(raw).incomplete is False


def test_another_dialects_usage() -> None:
    """Its own details do not show."""
    usage = Usage(input_tokens=5, output_tokens=9, cache_read_tokens=2, cache_write_tokens=1, reasoning_tokens=4, extra={"speed": "fast"})
    assert encode_usage(usage) == {
        "promptTokenCount": 8,
        "candidatesTokenCount": 5,
        "totalTokenCount": 17,
        "cachedContentTokenCount": 2,
        "thoughtsTokenCount": 4,
    }


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ({"trafficType": "ON_DEMAND"}, None),
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex"),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned_throughput"),
        ({"serviceTier": "standard"}, None),
        ({"serviceTier": "PRIORITY", "trafficType": "ON_DEMAND"}, "priority"),
        ({}, None),
    ],
)
def test_tier_that_is_billed(said: dict[str, str], tier: str | None) -> None:
    """Under either name that Google has for it."""
    assert decode_usage({"promptTokenCount": 1, "totalTokenCount": 1, **said}).service_tier == tier
