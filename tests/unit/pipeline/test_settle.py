"""What a call has cost and what may be kept of it."""

import pytest

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.context import RequestContext
from proxy.core.errors import BadGateway, BadRequest
from proxy.core.response import Usage
from proxy.core.route import RouteInfo
from proxy.pipeline.lanes import TranslateLane
from proxy.pipeline.settle import estimated_usage, note_error, usage_so_far
from tests.support.gateway import settings
from tests.support.library import in_process, json_reply, one_provider
from tests.support.upstream import chat


@pytest.mark.parametrize(("prompt", "text", "tokens"), [(0, 0, (0, 0)), (1, 4, (1, 1)), (9, 5, (3, 2))])
def test_an_estimate_is_rounded_up_and_says_so(prompt: int, text: int, tokens: tuple[int, int]) -> None:
    """Four bytes a token."""
    usage = estimated_usage(prompt, text)
    assert ((usage.input_tokens, usage.output_tokens), usage.estimated) == (tokens, True)


def test_the_first_error_is_the_one_recorded() -> None:
    """Later ones follow from it; the source is the last one's."""
    ctx = RequestContext(RouteInfo(name="/x", family="openai"), "t", 0.0)
    note_error(ctx, BadGateway("a"))
    assert (ctx.error, ctx.error_source) == ("upstream_error", "provider")
    note_error(ctx, BadRequest("b"))
    assert (ctx.error, ctx.error_source) == ("upstream_error", "gateway")


@pytest.mark.parametrize(
    ("counted", "complete", "tier", "expected"),
    [
        (None, False, None, Usage(input_tokens=25, output_tokens=10, estimated=True)),
        (None, True, "flex", Usage(input_tokens=25, output_tokens=10, estimated=True, service_tier="flex")),
        (Usage(input_tokens=7, output_tokens=3), True, None, Usage(input_tokens=7, output_tokens=3)),
        (Usage(input_tokens=7, output_tokens=3), False, None, Usage(input_tokens=7, output_tokens=10, estimated=True)),
        (Usage(input_tokens=7, output_tokens=30), False, None, Usage(input_tokens=7, output_tokens=30, estimated=True)),
    ],
)
def test_what_a_stream_has_used(counted: Usage | None, complete: bool, tier: str | None, expected: Usage) -> None:
    """The provider's own count where the stream is whole; before, never less than what was sent. 100 bytes asked, 40 answered."""
    lane = TranslateLane(AnthropicMessagesCodec().stream_decoder(), OpenAIChatCodec().stream_encoder())
    lane.usage, lane.complete, lane.service_tier, lane.text_bytes = counted, complete, tier, 40
    assert usage_so_far(lane, 100) == expected


async def test_a_free_provider_costs_nothing_and_one_without_prices_an_unknown_amount() -> None:
    """Never a guess."""
    async with in_process(config=settings(), providers={}) as edge:
        assert (await edge.chat()).json()["metadata"]["cost_usd"] == 0.0
    async with in_process(json_reply(chat())) as edge:
        answer = await edge.chat()
        assert answer.json()["metadata"]["cost_usd"] is None
        assert "x-llm-edge-cost-usd" not in answer.headers


async def test_too_large_answers_are_not_stored() -> None:
    """Over a megabyte."""
    async with in_process(lambda _: json_reply(chat("x" * 1_100_000))) as edge:
        assert [(await edge.chat()).headers["x-llm-edge-cache"] for _ in range(2)] == ["miss", "miss"]


async def test_tool_calls_are_stored_only_where_asked_for() -> None:
    """`cache.tool_calls`."""
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = chat(
        choices=[{"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]
    )
    for stored, status in ((False, "miss"), (True, "hit")):
        async with in_process(lambda _: json_reply(answer), config=one_provider(cache={"tool_calls": stored})) as edge:
            await edge.chat()
            assert (await edge.chat()).headers["x-llm-edge-cache"] == status
