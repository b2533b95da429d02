"""Token usage, both ways."""

from typing import Any

import pytest

from proxy.codecs.openai_chat.usage import decode_usage, encode_usage
from proxy.core.response import Usage

MAIN = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}


def test_kinds_are_disjoint() -> None:
    """Cached and cache-written tokens leave the input; reasoning stays within the output."""
    usage = decode_usage(
        {
            **MAIN,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 15, "audio_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 5, "rejected_prediction_tokens": 1},
        }
    )
    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (25, 60, 15)
    assert (usage.output_tokens, usage.reasoning_tokens) == (50, 30)
    assert (usage.input_audio_tokens, usage.output_audio_tokens) == (3, 5)
    assert (usage.prompt_tokens, usage.total_tokens, usage.incomplete) == (100, 150, False)


def test_plain_usage() -> None:
    """Three counts, as most compatible servers send."""
    assert decode_usage(MAIN) == Usage(input_tokens=100, output_tokens=50)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({**MAIN, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}, (36, 64, 50, False)),
        ({**MAIN, "total_tokens": 170, "completion_tokens_details": {"reasoning_tokens": 20}}, (100, 0, 70, False)),
        ({**MAIN, "total_tokens": 170}, (100, 0, 70, True)),
        ({**MAIN, "total_tokens": 100}, (100, 0, 50, False)),
        ({**MAIN, "prompt_tokens_details": {"cached_tokens": 400}}, (100, 400, 50, True)),
        ({"prompt_tokens": 100.0, "completion_tokens": 50.0}, (100, 0, 50, False)),
        ({}, (0, 0, 0, False)),
        ({**MAIN, "prompt_tokens_details": None, "completion_tokens_details": None}, (100, 0, 50, False)),
    ],
)
def test_what_compatible_servers_do(given: dict[str, Any], expected: tuple[int, int, int, bool]) -> None:
    """(input, cache read, output, incomplete): never cheaper than what was reported."""
    usage = decode_usage(given)
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.incomplete) == expected


@pytest.mark.parametrize(
    ("extra", "incomplete"),
    [
        ({"num_sources_used": 3}, True),
        ({"num_sources_used": 0}, False),
        ({"num_sources_used": None}, False),
        ({"server_tool_use": {"web": {"requests": 1}}}, True),
        ({"server_tool_use": {"web": {"requests": 0}}}, False),
        ({"tiers": [0, {"x": 2}]}, True),
        ({"tiers": []}, False),
        ({"prompt_tokens_details": {"video_tokens": 4}}, True),
        ({"prompt_tokens_details": {"video_tokens": 0, "text_tokens": 9, "image_tokens": 4}}, False),
        ({"completion_tokens_details": {"magic_tokens": 4}}, True),
        ({"completion_tokens_details": {"accepted_prediction_tokens": 4, "text_tokens": 2}}, False),
        ({"cost": 0.01, "cost_details": {"upstream_inference_cost": 0.01}, "is_byok": True}, False),
        ({"queue_time": 0.2, "total_time": 1.5}, False),
        ({"search_context_size": "low"}, False),
        ({"completion_tokens": "fifty"}, True),
        ({"completion_tokens": -5}, True),
        ({"completion_tokens": 1.5}, True),
        ({"completion_tokens": True}, True),
        ({"prompt_tokens_details": {"cached_tokens": "x"}}, True),
    ],
)
def test_unknown_meters_make_it_incomplete(extra: dict[str, Any], incomplete: bool) -> None:
    """Contract F: what counts something that we do not know; and what is no count at all."""
    assert decode_usage({**MAIN, **extra}).incomplete is incomplete


def test_round_trip() -> None:
    """Details without a canonical place come back."""
    given = {
        **MAIN,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 5, "audio_tokens": 3, "text_tokens": 9},
        "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 5, "accepted_prediction_tokens": 2},
        "cost": 0.5,
    }
    assert encode_usage(decode_usage(given)) == given


def test_foreign_usage() -> None:
    """Prompt tokens are the sum of the disjoint kinds; another dialect's extras stay away."""
    usage = Usage(input_tokens=5, output_tokens=2, cache_read_tokens=20, cache_write_tokens=10, extra={"server_tool_use": {"x": 1}})
    assert encode_usage(usage) == {
        "prompt_tokens": 35,
        "completion_tokens": 2,
        "total_tokens": 37,
        "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 10},
    }


@pytest.mark.parametrize("usage", [MAIN, {**MAIN, "prompt_tokens_details": {"cached_tokens": 1}}])
@pytest.mark.parametrize(("said", "tier"), [(None, None), ("default", None), ("flex", "flex"), (3, None)])
def test_tier_of_the_answer(usage: dict[str, Any], said: object, tier: str | None) -> None:
    """It stands beside the usage, and is what that is billed at."""
    assert decode_usage(usage, said).service_tier == tier
