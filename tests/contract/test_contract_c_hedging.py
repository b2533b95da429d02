"""Contracts A, C and D of hedged requests: one answer, attempts exactly as configured, nobody left behind, everybody paid.

Here: within one process. Budgets that `top_up` asks come with governance; what refuses here stands in for them.
"""

import asyncio
import json
import time
from typing import Any

import pytest

from proxy.core.context import RequestContext, Verdict
from proxy.core.errors import Forbidden
from proxy.core.route import RouteInfo
from proxy.pipeline.generate import generate
from tests.contract.test_contract_a_disconnect import leave
from tests.support.eventually import eventually
from tests.support.gateway import chat_body
from tests.support.library import data_of
from tests.support.two_targets import Held, after, two_targets
from tests.support.upstream import Call, Handler, chat, chat_chunk, chat_stream, failing, json_answer, stream_answer

SOON: dict[str, Any] = {"after_s": 0.05, "share": 1}
ROUTE = RouteInfo(name="/v1/chat/completions", family="openai", dialect="openai_chat")
ROLE = chat_chunk({"role": "assistant", "content": ""})


def text_of(answer: Any) -> str:
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in data_of(answer.text) if chunk.get("choices"))


@pytest.mark.parametrize("first", [b"", ROLE], ids=["no head", "head without content"])
async def test_the_hedge_answers_for_a_silent_target(first: bytes) -> None:
    """One text, the second's; the first's socket closes within a second; headers and log say who it was and what it took."""
    slow = Held(first)
    async with two_targets(hedge=SOON) as pair:
        pair.a.on(slow)
        pair.b.on(stream_answer(chat_stream("from ", "two")))
        answer = await pair.chat(stream=True)
        assert (answer.status_code, text_of(answer), answer.text.count("[DONE]")) == (200, "from two", 1)
        async with asyncio.timeout(1):
            await slow.gone.wait()
        assert (answer.headers["x-llm-edge-provider"], answer.headers["x-llm-edge-model"]) == ("b", "two")
        assert answer.headers["x-llm-edge-attempts"] == "2"
        await pair.settled()
        (line,) = await pair.lines()
        assert [(t["provider"], t["role"], t["error"]) for t in line["tries"]] == [("a", "hedge_loser", None), ("b", "hedge", None)]
        assert (line["provider"], line["status"], "error" in line) == ("b", 200, False)
        assert pair.counted("llm_edge_hedges_total", "m", "won") == pair.counted("llm_edge_hedges_total") == 1
        assert pair.counted("llm_edge_attempts_total", "a", "one", "hedge_loser", "success") == 1


async def test_the_first_can_still_win() -> None:
    """The hedge is given up then, at once, also if it was about to answer."""
    slow, go = Held(ROLE), asyncio.Event()
    async with two_targets(hedge=SOON) as pair:
        pair.a.on(after(go, stream_answer(chat_stream("from one"))))
        pair.b.on(slow)
        request = asyncio.ensure_future(pair.chat(stream=True))
        await slow.asked.wait()
        go.set()
        answer = await request
        assert text_of(answer) == "from one"
        async with asyncio.timeout(1):
            await slow.gone.wait()
        await pair.settled()
        (line,) = await pair.lines()
        assert [(t["provider"], t["role"]) for t in line["tries"]] == [("a", "primary"), ("b", "hedge_loser")]
        assert (line["provider"], line["served_model"]) == ("a", "one")
        assert pair.counted("llm_edge_hedges_total", "m", "lost") == 1


async def test_a_first_that_is_fast_enough_has_no_rival() -> None:
    """One call; a stream that pauses after its first content is no silent one."""
    async with two_targets(hedge=SOON) as pair:

        async def pausing(call: Call) -> None:
            await call.begin_stream()
            await call.chunk(chat_chunk({"content": "one"}))
            await asyncio.sleep(0.2)
            for event in chat_stream(" end")[1:]:
                await call.chunk(event)
            await call.end_stream()

        pair.a.on(pausing)
        answer = await pair.chat(stream=True)
        assert (text_of(answer), len(pair.b.calls)) == ("one end", 0)
        assert pair.counted("llm_edge_hedges_total") == 0


@pytest.mark.parametrize("payer", ["caller", "gateway"])
@pytest.mark.parametrize("stream", [True, False])
async def test_who_pays_for_the_loser(payer: str, stream: bool) -> None:
    """Its line has the prompt, estimated, at its own price; it is part of the request's cost or not; counters hold both, each with its own
    target."""
    slow = Held()
    async with two_targets(hedge={**SOON, "bill": payer, "streams_only": False}) as pair:
        pair.a.on(slow)
        pair.b.on(stream_answer(chat_stream("two")) if stream else json_answer(chat("two")))
        answer = await pair.chat(stream=stream)
        await pair.settled()
        (line,) = await pair.lines()
        lost, won = line["tries"]
        mine = 9 * 2000 + 3 * 20000
        assert lost["tokens_estimated"] is True
        assert lost["prompt_tokens"] == -(-len(answer.request.content) // 4)
        assert (lost["completion_tokens"], lost["payer"]) == (0, payer)
        assert lost["cost_nanos"] == lost["prompt_tokens"] * 1000
        assert "cost_nanos" not in won
        assert line["cost_nanos"] == mine + (lost["cost_nanos"] if payer == "caller" else 0)
        assert (line["prompt_tokens"], line["completion_tokens"]) == (9, 3)
        if not stream:
            assert round(float(answer.headers["x-llm-edge-cost-usd"]) * 1e9) == line["cost_nanos"]
        assert round(pair.counted("llm_edge_cost_usd_total", "b", "m") * 1e9) == mine
        assert round(pair.counted("llm_edge_cost_usd_total", "a", "m") * 1e9) == lost["cost_nanos"]
        assert round(pair.counted("llm_edge_hedge_loser_cost_usd_total", "a", "m", payer) * 1e9) == lost["cost_nanos"]
        assert pair.counted("llm_edge_tokens_total", "a", "m", "input") == lost["prompt_tokens"]


async def test_what_a_loser_has_sent_is_on_its_line() -> None:
    """A provider that said what the prompt cost is believed."""
    begun = {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "one", "content": []}}
    begun["message"]["usage"] = {"input_tokens": 40, "output_tokens": 1}  # type: ignore[index]
    slow = Held(f"event: message_start\ndata: {json.dumps(begun)}\n\n".encode())
    async with two_targets(("anthropic", "openai"), hedge=SOON) as pair:
        pair.a.on(slow)
        pair.b.on(stream_answer(chat_stream("two")))
        await pair.chat(stream=True)
        (line,) = await pair.lines()
        lost = line["tries"][0]
        assert (lost["prompt_tokens"], lost["completion_tokens"], lost["tokens_estimated"]) == (40, 1, True)
        assert lost["cost_nanos"] == 40 * 1000 + 1 * 10000


async def test_whole_answers_are_hedged_where_that_is_wanted() -> None:
    """The first complete answer wins."""
    slow = Held()
    async with two_targets(hedge={**SOON, "streams_only": False}) as pair:
        pair.a.on(slow)
        pair.b.on(json_answer(chat("two")))
        answer = await pair.chat()
        assert answer.json()["choices"][0]["message"]["content"] == "two"
        async with asyncio.timeout(1):
            await slow.gone.wait()


async def test_a_hedge_whose_answer_is_none_does_not_win() -> None:
    """A body that breaks its schema is a failed try; the first goes on."""
    broken, go = asyncio.Event(), asyncio.Event()

    async def nonsense(call: Call) -> None:
        await call.answer(200, {"object": "chat.completion", "choices": "none"})
        broken.set()

    async with two_targets(hedge={**SOON, "streams_only": False}) as pair:
        pair.a.on(after(go, json_answer(chat("one"))))
        pair.b.on(nonsense)
        request = asyncio.ensure_future(pair.chat())
        await broken.wait()
        go.set()
        answer = await request
        assert (answer.json()["choices"][0]["message"]["content"], answer.headers["x-llm-edge-provider"]) == ("one", "a")
        assert pair.counted("llm_edge_hedges_total", "m", "failed") == 1


async def test_a_loser_that_was_about_to_refuse_costs_nothing() -> None:
    """Its status is in, its reason is not."""
    refused, go = asyncio.Event(), asyncio.Event()

    async def refuses(call: Call) -> None:
        await call.head(500, {"content-type": "application/json", "content-length": "100"})
        refused.set()
        await call.until_gone()

    async with two_targets(hedge=SOON) as pair:
        pair.a.on(after(go, stream_answer(chat_stream("one"))))
        pair.b.on(refuses)
        request = asyncio.ensure_future(pair.chat(stream=True))
        await refused.wait()
        await asyncio.sleep(0.05)
        go.set()
        assert text_of(await request) == "one"
        (line,) = await pair.lines()
        assert [(t["role"], "cost_nanos" in t) for t in line["tries"]] == [("primary", False), ("hedge_loser", False)]
        assert line["cost_nanos"] == 9 * 1000 + 3 * 10000


async def test_a_hedge_told_to_wait_is_let_rest() -> None:
    """Its Retry-After counts, though the first answered."""
    refused, go = asyncio.Event(), asyncio.Event()

    async def throttles(call: Call) -> None:
        await failing(429, headers={"retry-after": "30"})(call)
        refused.set()

    async with two_targets(hedge=SOON) as pair:
        pair.a.script(after(go, stream_answer(chat_stream("one"))), late(stream_answer(chat_stream("one"))))
        pair.b.on(throttles)
        request = asyncio.ensure_future(pair.chat("1", stream=True))
        await refused.wait()
        await asyncio.sleep(0.05)
        go.set()
        assert text_of(await request) == "one"
        assert text_of(await pair.chat("2", stream=True)) == "one"
        assert (len(pair.b.calls), pair.counted("llm_edge_hedges_withheld_total", "m", "no_target")) == (1, 1)


def idle() -> Handler:
    return failing(500, "must not be asked")


@pytest.mark.parametrize(
    ("body", "entry"),
    [
        ({}, {"hedge": SOON}),
        ({"stream": True}, {"hedge": False}),
        ({"stream": True, "n": 2}, {"hedge": SOON}),
        ({"stream": True, "store": True}, {"hedge": SOON}),
        ({"stream": True, "web_search_options": {}}, {"hedge": SOON}),
        ({"stream": True}, {"hedge": {**SOON, "share": 0}}),
        ({"stream": True}, {"hedge": SOON, "retries": {"attempts": 1}}),
        ({"stream": True}, {"hedge": {"share": 1}}),
    ],
    ids=["whole", "off", "choices", "store", "server tools", "share 0", "one attempt", "no p95 yet"],
)
async def test_no_hedge(body: dict[str, Any], entry: dict[str, Any]) -> None:
    """For what a second call could harm, or what was not asked for."""
    async with two_targets(**entry) as pair:

        async def late(call: Call) -> None:
            await asyncio.sleep(0.2)
            await (stream_answer(chat_stream("one")) if body else json_answer(chat("one")))(call)

        pair.a.on(late)
        pair.b.on(idle())
        answer = await pair.chat(**body)
        assert (answer.status_code, answer.headers["x-llm-edge-provider"], len(pair.b.calls)) == (200, "a", 0)


async def test_embeddings_and_counts_are_never_hedged() -> None:
    """They are other kinds of call."""
    async with two_targets(hedge={**SOON, "streams_only": False}) as pair:

        async def late(call: Call) -> None:
            await asyncio.sleep(0.2)
            await call.answer(200, {"object": "list", "model": "one", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]})

        pair.a.on(late)
        pair.b.on(idle())
        answer = await pair.edge.client.post("/v1/embeddings", json={"model": "m", "input": "x"})
        assert (answer.status_code, len(pair.b.calls)) == (200, 0)


async def test_a_first_that_fails_leaves_the_answer_to_the_hedge() -> None:
    """No third call is made, though a try is left."""
    asked, fail, go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hedge(call: Call) -> None:
        asked.set()
        await go.wait()
        await stream_answer(chat_stream("two"))(call)

    async with two_targets(hedge=SOON, retries={"attempts": 3}) as pair:
        pair.a.on(after(fail, failing(503)))
        pair.b.on(hedge)
        request = asyncio.ensure_future(pair.chat(stream=True))
        await asked.wait()
        fail.set()
        await eventually(lambda: pair.edge.gateway.state.pipeline.health.stats("a/one").in_flight == 0)
        go.set()
        answer = await request
        assert (text_of(answer), len(pair.a.calls), len(pair.b.calls)) == ("two", 1, 1)
        (line,) = await pair.lines()
        assert [(t["role"], t["status"], "cost_nanos" in t) for t in line["tries"]] == [("primary", 503, False), ("hedge", 200, False)]


@pytest.mark.parametrize("attempts", [2, 3, 5])
async def test_both_fail(attempts: int) -> None:
    """The attempts go on where they are: exactly as many on the wire as configured, and the last error is told."""
    asked = asyncio.Event()

    async def hedge(call: Call) -> None:
        asked.set()
        await failing(503, "two is down")(call)

    async with two_targets(hedge=SOON, retries={"attempts": attempts, "backoff_base_s": 0.01}) as pair:
        pair.a.on(after(asked, failing(503, "one is down")))
        pair.b.on(hedge)
        answer = await pair.chat(stream=True)
        assert (answer.status_code, len(pair.a.calls) + len(pair.b.calls)) == (503, attempts)
        assert answer.headers["x-llm-edge-attempts"] == str(attempts)
        assert pair.counted("llm_edge_hedges_total", "m", "failed") == pair.counted("llm_edge_hedges_total") == 1
        await pair.settled()


async def test_both_truncate_before_content() -> None:
    """A status, not a stream without text (contract B)."""
    async with two_targets(hedge=SOON) as pair:
        asked = asyncio.Event()

        async def truncated(call: Call) -> None:
            asked.set()
            await call.begin_stream()
            await call.chunk(ROLE)
            await call.end_stream()

        pair.a.on(after(asked, truncated))
        pair.b.on(truncated)
        answer = await pair.chat(stream=True)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "stream_truncated")


async def test_no_second_hedge_and_none_after_content() -> None:
    """After the first content there is no call at all, whatever becomes of the stream."""
    async with two_targets(hedge=SOON, retries={"attempts": 5}) as pair:
        slow = Held()

        async def breaks(call: Call) -> None:
            await call.begin_stream()
            await call.chunk(chat_chunk({"content": "two"}))
            call.reset()

        pair.a.on(slow)
        pair.b.on(breaks)
        answer = await pair.chat(stream=True)
        assert (text_of(answer), data_of(answer.text)[-1]["error"]["code"]) == ("two", "stream_truncated")
        assert (len(pair.a.calls), len(pair.b.calls)) == (1, 1)
        assert "[DONE]" not in answer.text


async def test_the_share_caps_hedges() -> None:
    """Every answer is slow: of 40 requests 1 + 0.1 of them are hedged at most, the others wait for the first."""
    async with two_targets(hedge={"after_s": 0.01, "share": 0.1}) as pair:

        async def late(call: Call) -> None:
            await asyncio.sleep(0.06)
            await stream_answer(chat_stream("one"))(call)

        pair.a.on(late)
        pair.b.on(stream_answer(chat_stream("two")))
        for i in range(40):
            assert (await pair.chat(str(i), stream=True)).status_code == 200
        assert len(pair.b.calls) == 5
        assert pair.counted("llm_edge_hedges_withheld_total", "m", "budget") == 35


async def test_the_p95_of_the_first_target_sets_the_time() -> None:
    """Twenty answers teach it; then what takes longer than they did is hedged."""
    slow = Held()
    async with two_targets(hedge={"share": 1}) as pair:
        pair.a.on(stream_answer(chat_stream("one")))
        pair.b.on(stream_answer(chat_stream("two")))
        for i in range(20):
            await pair.chat(f"teach {i}", stream=True)
        pair.a.on(slow)
        begun = time.monotonic()
        answer = await pair.chat("slow", stream=True)
        assert (text_of(answer), time.monotonic() - begun < 2) == ("two", True)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_closes_both_sockets(stream: bool) -> None:
    """Within a second, before any content; one record, cancelled."""
    one, two = Held(), Held(ROLE if stream else b"")
    async with two_targets(hedge={**SOON, "streams_only": False}) as pair:
        pair.a.on(one)
        pair.b.on(two)
        await leave(pair.edge, chat_body(model="m", stream=stream), when=two.asked)
        async with asyncio.timeout(1):
            await one.gone.wait()
            await two.gone.wait()
        await pair.settled()
        (line,) = await pair.lines()
        assert [t["role"] for t in line["tries"]] == ["primary", "hedge"]
        assert pair.counted("llm_edge_hedges_total", "m", "cancelled") == 1
        assert pair.counted("llm_edge_client_disconnects_total") == 1


async def test_followers_see_the_winners_text_only() -> None:
    """Ten identical streams: two calls, the hedge's being one, and the same text for everybody (contract J)."""
    slow, go = Held(ROLE), asyncio.Event()
    async with two_targets(hedge=SOON) as pair:
        pair.a.on(slow)
        pair.b.on(after(go, stream_answer(chat_stream("from ", "two"))))
        requests = [asyncio.ensure_future(pair.chat(stream=True)) for _ in range(10)]
        await pair.b.received(1)
        await eventually(lambda: pair.counted("llm_edge_single_flight_joins_total") == 9)
        go.set()
        answers = await asyncio.gather(*requests)
        assert {text_of(answer) for answer in answers} == {"from two"}
        assert {answer.headers["x-llm-edge-provider"] for answer in answers} <= {"b", "cache"}
        assert (len(pair.a.calls), len(pair.b.calls)) == (1, 1)
        await pair.settled()
        assert text_of(await pair.chat(stream=True)) == "from two"  # from the cache
        assert len(pair.b.calls) == 1


async def test_followers_outlive_a_leader_that_leaves_in_a_race() -> None:
    """The calls are theirs then."""
    one, go, asked = Held(), asyncio.Event(), asyncio.Event()
    async with two_targets(hedge=SOON) as pair:

        async def two(call: Call) -> None:
            asked.set()
            await go.wait()
            await stream_answer(chat_stream("two"))(call)

        pair.a.on(one)
        pair.b.on(two)
        leaving = asyncio.ensure_future(leave(pair.edge, chat_body(model="m", stream=True), when=go))
        await asked.wait()
        follower = asyncio.ensure_future(pair.chat(stream=True))
        await eventually(lambda: pair.counted("llm_edge_single_flight_joins_total") == 1)
        go.set()
        await leaving
        assert text_of(await follower) == "two"
        assert (len(pair.a.calls), len(pair.b.calls)) == (1, 1)
        await pair.settled()


class Purse:
    """Stands in for a budget: refuses one target."""

    def __init__(self, refused: str) -> None:
        self.refused = refused
        self.asked: list[str] = []

    def __call__(self, provider: str, model: str) -> Verdict:
        self.asked.append(provider)
        return Verdict(Forbidden("not for you", code="budget_exceeded") if provider == self.refused else None)


@pytest.mark.parametrize("kind", ["permit", "top_up"])
async def test_permission_and_budget_are_asked_for_the_hedges_own_target(kind: str) -> None:
    """Refused: there is no hedge, the first goes on, and the try is still to be had."""
    purse = Purse("b")
    async with two_targets(hedge=SOON) as pair:
        ctx = RequestContext(ROUTE, "t", time.monotonic())
        ctx.json = chat_body(model="m", stream=True)
        setattr(ctx, kind, purse)
        answer = stream_answer(chat_stream("one"))
        pair.a.script(late(answer if kind == "permit" else failing(503)), answer)
        await generate(pair.edge.gateway.state.pipeline, ctx, nowhere)
        assert (ctx.provider, len(pair.b.calls), "b" in purse.asked) == ("a", 0, True)
        assert [record.role for record in ctx.attempts] == (["primary"] if kind == "permit" else ["primary", "retry"])
        reason = "no_target" if kind == "permit" else "refused"
        assert pair.counted("llm_edge_hedges_withheld_total", "m", reason) == 1


def late(handler: Handler) -> Handler:
    async def handle(call: Call) -> None:
        await asyncio.sleep(0.2)
        await handler(call)

    return handle


async def nowhere(message: Any) -> None:
    """The client's end."""
