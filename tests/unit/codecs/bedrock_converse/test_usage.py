"""Token counts."""

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse.usage import decode_usage, encode_usage, tier_of
from proxy.core.response import Usage


def test_counts_are_disjoint_and_come_back() -> None:
    """The total counts the cached ones; of the writes, those for an hour are told."""
    raw = {
        "inputTokens": 12,
        "outputTokens": 5,
        "totalTokens": 57,
        "cacheReadInputTokens": 10,
        "cacheWriteInputTokens": 30,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 20}, {"ttl": "5m", "inputTokens": 10}],
    }
    usage = decode_usage(raw)
    assert (usage.prompt_tokens, usage.total_tokens, usage.cache_write_1h_tokens, usage.incomplete) == (52, 57, 20, False)
    assert encode_usage(usage) == raw


def test_older_names_count_where_they_are_alone() -> None:
    """Beside the newer ones they say the same."""
    assert decode_usage({"inputTokens": 1, "cacheReadInputTokenCount": 7}).cache_read_tokens == 7
    both = decode_usage({"inputTokens": 1, "cacheReadInputTokenCount": 7, "cacheReadInputTokens": 7})
    assert (both.cache_read_tokens, both.incomplete) == (7, False)


def test_an_unknown_meter_makes_it_incomplete() -> None:
    """Contract F: never cheaper in silence. Zeros and empty objects hide nothing."""
    assert not decode_usage({"inputTokens": 1, "serverToolUsage": {}, "new": 0}).incomplete
    assert decode_usage({"inputTokens": 1, "serverToolUsage": {"searches": 2}}).incomplete
    assert decode_usage({"inputTokens": 1, "new": [{"n": 1}]}).incomplete


def test_another_dialect_s_usage_is_told_in_this_one_s_words() -> None:
    """Its own details stay behind; the cache's lifetimes are spelled out."""
    usage = Usage(input_tokens=1, output_tokens=2, cache_write_tokens=5, cache_write_1h_tokens=5, extra={"iterations": []})
    assert encode_usage(usage) == {
        "inputTokens": 1,
        "outputTokens": 2,
        "totalTokens": 8,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 5,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 5}],
    }
    assert encode_usage(None) == {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}


@pytest.mark.parametrize("raw", [{"inputTokens": "1"}, {"outputTokens": -1}, {"cacheDetails": [{"ttl": "1h", "inputTokens": 0.5}]}])
def test_a_count_that_is_none_is_refused(raw: dict[str, object]) -> None:
    """With its place."""
    with pytest.raises(InvalidBody, match=r"^usage\."):
        decode_usage(raw)


@pytest.mark.parametrize(
    ("tier", "performance", "billed"),
    [
        (None, None, None),
        ({"type": "default"}, {"latency": "standard"}, None),
        ({"type": "priority"}, {"latency": "standard"}, "priority"),
        ({"type": "default"}, {"latency": "optimized"}, "optimized"),
        ({"type": 3}, "fast", None),
        ("flex", [], None),
    ],
)
def test_tier_that_is_billed(tier: object, performance: object, billed: str | None) -> None:
    """Latency-optimised inference has prices of its own."""
    assert tier_of(tier, performance) == billed
