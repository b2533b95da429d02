"""Contract F: what a call costs, through a gateway on real sockets.

Kept here: kinds that are disjoint and add up, each rounded once; prices by hand for each provider; unknown meters and tiers that make the
cost incomplete, never cheaper; the same usage at the same cost whichever client asked, in both lanes, whole and streamed; and one figure in
the answer's header, its metadata, the access log and the metrics. The arithmetic alone: tests/unit/core/test_pricing.py.

Not yet, with the part that keeps it: the intent line in the spool and what becomes of it after a SIGKILL, Σ records = counters = reports
(the usage records); reservations at the dearest permitted target (budgets, contract E).
"""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from proxy.telemetry.logbuffer import LogBuffer
from proxy.telemetry.logs import AccessLog
from tests.support.access_log import Books
from tests.support.billing import ASKING, Bill, billing, provider_of
from tests.support.gateway import running, settings
from tests.support.library import data_of, in_process, json_reply
from tests.support.sink import KeptLines
from tests.support.upstream import Call, Upstream, chat, chat_chunk, chat_stream, json_answer, stream_answer

GPT_4O = {
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "total_tokens": 1300,
    "prompt_tokens_details": {"cached_tokens": 400},
    "completion_tokens_details": {"reasoning_tokens": 100},
}
GPT_5 = {
    "prompt_tokens": 2000,
    "completion_tokens": 1000,
    "total_tokens": 3000,
    "prompt_tokens_details": {"cached_tokens": 1000},
}
SONNET = {
    "input_tokens": 100,
    "output_tokens": 500,
    "cache_read_input_tokens": 10_000,
    "cache_creation_input_tokens": 3000,
    "cache_creation": {"ephemeral_5m_input_tokens": 2000, "ephemeral_1h_input_tokens": 1000},
}
NOVA = {"inputTokens": 1000, "outputTokens": 100, "cacheReadInputTokens": 2000, "totalTokens": 3100}
BILLS = {
    # 600 at 2.50, 400 cached at 1.25, 300 (100 of them reasoning) at 10 USD per million
    "openai-cached": Bill("openai", "chat", "gpt-4o", GPT_4O, {"input": 1_500_000, "cache_read": 500_000, "output": 3_000_000}),
    # 50 of text at 2.50 and 100 of audio at 32; 10 of text at 10 and 50 of audio at 64
    "openai-audio": Bill(
        "openai",
        "chat",
        "gpt-audio",
        {
            "prompt_tokens": 150,
            "completion_tokens": 60,
            "total_tokens": 210,
            "prompt_tokens_details": {"audio_tokens": 100},
            "completion_tokens_details": {"audio_tokens": 50},
        },
        {"input": 125_000 + 3_200_000, "output": 100_000 + 3_200_000},
    ),
    # flex: half of 1.25, 0.125 and 10
    "openai-flex": Bill(
        "openai", "chat", "gpt-5", GPT_5, {"input": 625_000, "cache_read": 62_500, "output": 5_000_000}, {"service_tier": "flex"}
    ),
    # priority: double
    "responses-priority": Bill(
        "openai",
        "responses",
        "gpt-5-2025-08-07",
        {
            "input_tokens": 2000,
            "input_tokens_details": {"cached_tokens": 1000},
            "output_tokens": 1000,
            "output_tokens_details": {"reasoning_tokens": 900},
            "total_tokens": 3000,
        },
        {"input": 2_500_000, "cache_read": 250_000, "output": 20_000_000},
        {"service_tier": "priority"},
    ),
    # an unknown tier: paid as the standard one, and said to be incomplete
    "openai-scale": Bill(
        "openai", "chat", "gpt-5", GPT_5, {"input": 1_250_000, "cache_read": 125_000, "output": 10_000_000}, {"service_tier": "scale"}, True
    ),
    # 100 at 3, 10 000 read at 0.30, 2000 written for 5 minutes at 3.75 and 1000 for an hour at 6, 500 at 15
    "anthropic-cache": Bill(
        "anthropic",
        "messages",
        "claude-sonnet-4-5-20250929",
        SONNET,
        {"input": 300_000, "cache_read": 3_000_000, "cache_write": 7_500_000 + 6_000_000, "output": 7_500_000},
        {"service_tier": "standard"},
    ),
    # batch: half
    "anthropic-batch": Bill(
        "anthropic",
        "messages",
        "claude-sonnet-4-5",
        SONNET,
        {"input": 150_000, "cache_read": 1_500_000, "cache_write": 6_750_000, "output": 3_750_000},
        {"service_tier": "batch"},
    ),
    # a web search has no price here
    "anthropic-search": Bill(
        "anthropic",
        "messages",
        "claude-sonnet-4-5",
        {"input_tokens": 100, "output_tokens": 500, "server_tool_use": {"web_search_requests": 2}},
        {"input": 300_000, "output": 7_500_000},
        incomplete=True,
    ),
    # over 200 000 tokens: 200 001 at 2.50, 100 cached at 0.25, 200 and 800 of thoughts at 15
    "gemini-long": Bill(
        "gemini",
        "generate_content",
        "gemini-2.5-pro",
        {
            "promptTokenCount": 200_101,
            "cachedContentTokenCount": 100,
            "candidatesTokenCount": 200,
            "thoughtsTokenCount": 800,
            "totalTokenCount": 201_101,
        },
        {"input": 500_002_500, "cache_read": 25_000, "output": 15_000_000},
    ),
    # at 200 000: 1.25, 0.125, 10
    "gemini-short": Bill(
        "gemini",
        "generate_content",
        "gemini-2.5-pro",
        {"promptTokenCount": 200_000, "cachedContentTokenCount": 100, "candidatesTokenCount": 1000, "totalTokenCount": 201_000},
        {"input": 249_875_000, "cache_read": 12_500, "output": 10_000_000},
        {"trafficType": "ON_DEMAND"},
    ),
    # a regional profile costs a tenth more: 3.30, 0.33, 4.125 and 6.60 (written), 16.50
    "bedrock-cache": Bill(
        "bedrock",
        "converse",
        "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        {
            "inputTokens": 1000,
            "outputTokens": 100,
            "cacheReadInputTokens": 2000,
            "cacheWriteInputTokens": 400,
            "totalTokens": 3500,
            "cacheDetails": [{"ttl": "5m", "inputTokens": 300}, {"ttl": "1h", "inputTokens": 100}],
        },
        {"input": 3_300_000, "cache_read": 660_000, "cache_write": 1_237_500 + 660_000, "output": 1_650_000},
    ),
    # priority: 1.40, 0.35, 5.60
    "bedrock-priority": Bill(
        "bedrock",
        "converse",
        "us.amazon.nova-pro-v1:0",
        NOVA,
        {"input": 1_400_000, "cache_read": 700_000, "output": 560_000},
        {"serviceTier": {"type": "priority"}},
    ),
    # latency-optimised inference costs more, and no list of ours says what: 0.80, 0.20, 3.20 at least
    "bedrock-optimized": Bill(
        "bedrock",
        "converse",
        "us.amazon.nova-pro-v1:0",
        NOVA,
        {"input": 800_000, "cache_read": 400_000, "output": 320_000},
        {"performanceConfig": {"latency": "optimized"}},
        True,
    ),
}


def counted(gateway: Any, family: str = "llm_edge_cost_usd_total") -> float:
    return float(sum(sample.values[0] for sample in gateway.metrics.snapshot() if sample.family == family))


@pytest.mark.parametrize("name", BILLS)
async def test_each_provider_by_hand_whoever_asks(name: str) -> None:
    """Five clients, whole and streamed: the access log has each kind to the nano, and the counter their sum."""
    bill, books = BILLS[name], Books()
    async with Upstream() as up:
        up.on(billing(bill))
        config = settings(
            providers={"p": provider_of(bill, up.url)},
            models={"m": {"targets": [{"provider": "p", "model": bill.model}]}},
            cache={"enabled": False},
        )
        async with running(config, access_log=books.log) as edge:
            asked = [(client, stream) for client in ASKING for stream in (False, True)]
            for client, stream in asked:
                path, body = ASKING[client](stream)
                answer = await edge.client.post(path, json=body)
                assert answer.status_code == 200, (client, stream, answer.text)
                whole = f"{sum(bill.nanos.values()) / 1e9:.9f}"
                assert answer.headers.get("x-llm-edge-cost-usd") == (None if stream else whole), (client, stream)
            lines = await books.lines(edge)
            assert len(lines) == len(asked)
            for line, place in zip(lines, asked, strict=True):
                assert line["cost_kinds"] == bill.nanos, place
                assert line["cost_nanos"] == sum(bill.nanos.values()), place
                assert ("cost_incomplete" in line) == bill.incomplete, place
                assert (line["price_source"], "tokens_estimated" in line) == ("catalogue", False), place
            assert round(counted(edge.gateway) * 1e9) == len(asked) * sum(bill.nanos.values())
            assert counted(edge.gateway, "llm_edge_incomplete_costs_total") == len(asked) * bill.incomplete
            assert counted(edge.gateway, "llm_edge_unpriced_calls_total") == 0


counts = st.integers(0, 3_000_000)


@hypothesis_settings(max_examples=150, derandomize=True, deadline=None)
@given(prompt=counts, cached=counts, written=counts, output=counts, prices=st.tuples(*[st.integers(0, 10**9)] * 4))
def test_one_figure_everywhere(prompt: int, cached: int, written: int, output: int, prices: tuple[int, ...]) -> None:
    """Random usages at random prices: header, metadata, access log and counter agree to the nano with integers by hand."""
    asyncio.run(_one_figure(prompt, cached, written, output, prices))


async def _one_figure(prompt: int, cached: int, written: int, output: int, prices: tuple[int, ...]) -> None:
    meters = ("input", "cache_read", "cache_write", "output")
    amounts = (prompt, cached, written, output)
    expected = sum((amount * pico * 2 + 1000) // 2000 for amount, pico in zip(amounts, prices, strict=True))
    usage = {
        "prompt_tokens": prompt + cached + written,
        "completion_tokens": output,
        "total_tokens": prompt + cached + written + output,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
    }
    kept = KeptLines()
    buffer = LogBuffer(kept)
    config = settings(
        providers={"mine": {"kind": "openai_compatible", "base_url": "http://upstream.test/v1"}},
        prices={"gpt-4o-mini": [{"meter": meter, "pico_usd": pico} for meter, pico in zip(meters, prices, strict=True)]},
    )
    async with in_process(json_reply(chat(usage=usage)), config=config, access_log=AccessLog(buffer)) as edge:
        answer = await edge.chat()
        total = counted(edge.gateway)
    buffer.flush()
    line = json.loads(kept.data.splitlines()[0])
    dollars, _, nanos = answer.headers["x-llm-edge-cost-usd"].partition(".")
    assert int(dollars) * 10**9 + int(nanos) == expected
    assert round(answer.json()["metadata"]["cost_usd"] * 1e9) == expected
    assert line["cost_nanos"] == round(line["cost_usd"] * 1e9) == sum(line["cost_kinds"].values()) == expected
    assert round(total * 1e9) == expected
    assert line["price_source"] == "settings"


@pytest.mark.parametrize("tokens", [(1, 0), (333, 7), (123_456, 98_765)])
async def test_header_metadata_and_usage_chunk_agree(tokens: tuple[int, int]) -> None:
    """gpt-4o-mini at 0.15 and 0.60, over a socket: a stream says in its usage chunk what a whole answer says in its header."""
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    expected = tokens[0] * 150 + tokens[1] * 600
    async with Upstream() as up, running(settings(up.url)) as edge:
        up.on(json_answer(chat(usage=usage)))
        whole = await edge.chat()
        up.on(stream_answer([*chat_stream("a", usage=False)[:-1], chat_chunk({}, choices=[], usage=usage), b"data: [DONE]\n\n"]))
        stream = await edge.chat("other", stream=True, stream_options={"include_usage": True})
    assert whole.headers["x-llm-edge-cost-usd"] == f"{expected // 10**9}.{expected % 10**9:09d}"
    costs = [whole.json()["metadata"]["cost_usd"], data_of(stream.text)[-1]["metadata"]["cost_usd"]]
    assert [round(cost * 1e9) for cost in costs] == [expected, expected]


@pytest.mark.parametrize("stream", [False, True])
async def test_choices_that_are_calls_of_their_own(stream: bool) -> None:
    """Three answers for `n: 3` at Anthropic are paid three times, each as the size that it is: 70 000 tokens of Haiku 5.5 at 0.10, not at
    the 0.50 of prompts over 100 000."""
    usage = {"input_tokens": 70_000, "output_tokens": 10}
    bill, books = Bill("anthropic", "messages", "claude-haiku-5-5", usage, {"input": 21_000_000, "output": 15_000}), Books()
    async with Upstream() as up:
        up.on(billing(bill))
        config = settings(providers={"p": provider_of(bill, up.url)}, models={"m": {"targets": [{"provider": "p", "model": bill.model}]}})
        async with running(config, access_log=books.log) as edge:
            answer = await edge.chat(model="m", n=3, stream=stream)
            assert answer.status_code == 200, answer.text
            (line,) = await books.lines(edge)
    assert (line["prompt_tokens"], line["cost_kinds"], "cost_incomplete" in line) == (210_000, bill.nanos, False)


@pytest.mark.parametrize(("tier", "nanos"), [("default", 4_000), ("priority", 8_000)])
async def test_invoke_model_says_its_tier_in_the_head(tier: str, nanos: int) -> None:
    """Claude's body has no place for it; its counts are the body's own."""
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-3-haiku",
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
    rows = [
        {"meter": meter, "pico_usd": pico, "when": {"service_tier": name}}
        for meter in ("input", "output")
        for name, pico in (("default", 1_000_000), ("priority", 2_000_000))
    ]
    model = "anthropic.claude-3-haiku-20240307-v1:0"
    async with Upstream() as up:
        up.on(json_answer(body, headers={"x-amzn-requestid": "r1", "x-amzn-bedrock-service-tier": tier}))
        bedrock = {"p": {"kind": "bedrock", "base_url": up.url, "api_keys": ["k"], "region": "us-east-1"}}
        config = settings(providers=bedrock, models={"m": {"targets": [{"provider": "p", "model": model}]}}, prices={model: rows})
        async with running(config) as edge:
            asked = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
            answer = await edge.client.post("/model/m/invoke", json=asked)
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-llm-edge-cost-usd"] == f"0.{nanos:09d}"


async def test_hits_and_followers_cost_nothing() -> None:
    """The header says 0, the leader's call is counted once."""
    async with Upstream() as up:
        up.on(json_answer(chat()))
        async with running(settings(up.url)) as edge:
            first, second = await edge.chat(), await edge.chat()
            assert first.headers["x-llm-edge-cost-usd"] == "0.000003150"  # 9 at 0.15 and 3 at 0.60
            assert second.headers["x-llm-edge-cost-usd"] == "0.000000000"
            assert second.json()["metadata"]["cost_usd"] == 0.0
            await edge.idle()
            assert round(counted(edge.gateway) * 1e9) == 3150


@pytest.mark.parametrize("price", [{}, {"prices": {"other": {"input": 1}}}, {"prices": {"gpt-unheard-of": {"output": 1}}}])
async def test_no_price_is_no_cost(price: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """null in the metadata, no header, no sum; a counter, and one line in the log that says why."""
    books = Books()
    async with Upstream() as up:
        up.on(json_answer(chat()))
        async with running(settings(up.url, cache={"enabled": False}, **price), access_log=books.log) as edge:
            for _ in range(3):
                answer = await edge.chat(model="gpt-unheard-of")
                assert answer.json()["metadata"]["cost_usd"] is None
                assert "x-llm-edge-cost-usd" not in answer.headers
            lines = await books.lines(edge)
            assert all("cost_nanos" not in line and "cost_usd" not in line and line["price_source"] == "none" for line in lines)
            assert counted(edge.gateway) == 0
            assert counted(edge.gateway, "llm_edge_unpriced_calls_total") == 3
    told = [record for record in caplog.records if record.getMessage() == "cost unknown"]
    assert [(record.__dict__["provider"], record.__dict__["model"]) for record in told] == [("openai", "gpt-unheard-of")]


async def test_no_usage_is_no_cost() -> None:
    """An answer that does not say what it used is not free."""
    body = chat()
    del body["usage"]
    async with Upstream() as up:
        up.on(json_answer(body))
        async with running(settings(up.url)) as edge:
            answer = await edge.chat()
            assert answer.json()["metadata"]["cost_usd"] is None
            await edge.idle()
            assert counted(edge.gateway, "llm_edge_unpriced_calls_total") == 1


async def test_free_providers_cost_nothing_and_say_so() -> None:
    """`price: free`, whatever the model's name."""
    async with Upstream() as up:
        up.on(json_answer(chat()))
        free = {"openai": {"kind": "openai", "base_url": f"{up.url}/v1", "api_keys": ["sk-provider"], "price": "free"}}
        async with running(settings(providers=free)) as edge:
            answer = await edge.chat()
            assert (answer.headers["x-llm-edge-cost-usd"], answer.json()["metadata"]["cost_usd"]) == ("0.000000000", 0.0)
            await edge.idle()
            assert counted(edge.gateway, "llm_edge_unpriced_calls_total") == counted(edge.gateway) == 0


@pytest.mark.parametrize("tier", [None, "priority"])
async def test_a_stream_that_breaks_off_is_billed_by_estimate(tier: str | None) -> None:
    """At four bytes a token, in the tier that its first chunk named; flagged. gpt-5 at 1.25 and 10, priority double."""
    text = "x" * 400
    more = {"service_tier": tier} if tier else {}

    async def broken(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"role": "assistant", "content": text}, **more))
        call.close()

    books = Books()
    async with Upstream() as up:
        up.on(broken)
        async with running(settings(up.url), access_log=books.log) as edge:
            answer = await edge.chat(model="gpt-5", stream=True)
            (line,) = await books.lines(edge)
            sent = len(answer.request.content)
            assert round(counted(edge.gateway) * 1e9) == line["cost_nanos"]
    factor = 2 if tier else 1
    assert line["tokens_estimated"] is True
    assert line["cost_kinds"] == {"input": -(-sent // 4) * 1250 * factor, "output": 100 * 10_000 * factor}


async def test_what_a_provider_had_counted_before_the_break_is_not_the_end_of_it() -> None:
    """Anthropic's first event counts one token of output; what was sent is billed, and flagged."""
    bill, books = BILLS["anthropic-cache"], Books()

    async def broken(call: Call) -> None:
        await call.begin_stream()
        start: dict[str, Any] = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": bill.model,
            "content": [],
            "stop_reason": None,
        }
        usage = {**SONNET, "output_tokens": 1}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": {**start, "usage": usage}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 400}},
        ]
        await call.chunk(b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events))
        call.close()

    async with Upstream() as up:
        up.on(broken)
        config = settings(providers={"p": provider_of(bill, up.url)}, models={"m": {"targets": [{"provider": "p", "model": bill.model}]}})
        async with running(config, access_log=books.log) as edge:
            for client in ("messages", "chat"):
                path, body = ASKING[client](True)
                await edge.client.post(path, json=body)
            lines = await books.lines(edge)
    for line in lines:
        assert line["tokens_estimated"] is True
        assert line["cost_kinds"]["cache_write"] == bill.nanos["cache_write"]
        # The JSON's spelling of a delta is counted by its bytes: 400, and no more than a few for its quotes.
        assert 100 * 15_000 <= line["cost_kinds"]["output"] <= 102 * 15_000
