"""Contract G over sockets, counters in the process. Over several gateways: test_contract_g_shared.py; the arithmetic of windows:
test_contract_g_windows.py."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.support.eventually import eventually
from tests.support.gateway import chat_body, running, settings
from tests.support.upstream import Call, Upstream, chat, chat_stream

REQUESTS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


def limited(upstream: str | None = None, **default: Any) -> Any:
    return settings(upstream, limits={"default": default})


def usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def answering(prompt: int, completion: int) -> Any:
    async def handle(call: Call) -> None:
        await call.answer(200, {**chat("hello"), "usage": usage(prompt, completion)})

    return handle


def left(answer: httpx2.Response, kind: str) -> int:
    return int(answer.headers[f"x-ratelimit-remaining-{kind}-tokens"])


async def test_agenthubs_demonstration() -> None:
    """15 quick calls with a burst of 10: 10 pass; after 1.1 s it goes on."""
    async with running(limited(burst=10)) as edge:
        answers = [await edge.chat(f"hi {n}", model="echo") for n in range(15)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 5
        assert answers[-1].headers["retry-after"] == "1"
        assert [answers[0].headers[name] for name in REQUESTS[:2]] == ["10", "9"]
        await asyncio.sleep(1.1)
        assert (await edge.chat("later", model="echo")).status_code == 200


async def test_the_aws_labs_demonstration() -> None:
    """7 calls of 5500 input tokens against 40 000 a minute pass, the 8th is throttled, as boto3 understands it."""
    async with Upstream() as up:
        up.on(answering(5500, 20))
        async with running(limited(up.url, input_tpm=40_000, output_tpm=10_000, rpm=60)) as edge:

            async def converse(n: int) -> httpx2.Response:
                body = {"messages": [{"role": "user", "content": [{"text": f"{n} " + "word " * 4130}]}]}
                return await edge.client.post("/llm-gateway/model/gpt-4o-mini/converse", json=body)

            answers = [await converse(n) for n in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 7 + [429]
        assert answers[-1].json()["detail"] == "Rate limit exceeded"
        assert answers[-1].headers["x-amzn-errortype"] == "ThrottlingException"
        assert [left(answer, "input") for answer in (answers[6], answers[7])][1] == 40_000 - 7 * 5500
        assert len(up.calls) == 7


@pytest.mark.parametrize("early_s", [0.5, 0.0])
async def test_waiting_for_what_the_headers_say_passes_and_less_fails(early_s: float) -> None:
    """Half a second less, for a limit that was used up at once."""
    async with running(limited(burst=3)) as edge:
        for n in range(3):
            assert (await edge.chat(f"hi {n}", model="echo")).status_code == 200
        refused = await edge.chat("more", model="echo")
        assert refused.status_code == 429
        assert refused.headers["x-ratelimit-remaining"] == "0"
        exact_s = int(refused.headers["retry-after-ms"]) / 1000
        assert exact_s <= int(refused.headers["retry-after"]) < exact_s + 1
        await asyncio.sleep(exact_s - early_s)
        assert (await edge.chat("again", model="echo")).status_code == (429 if early_s else 200)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/chat/completions", chat_body(model="echo"), {"type": "rate_limit_error", "code": "rate_limit_exceeded"}),
        ("/v1/messages", {**chat_body(model="echo"), "max_tokens": 5}, {"type": "rate_limit_error"}),
        ("/v1beta/models/echo:generateContent", {"contents": [{"parts": [{"text": "hi"}]}]}, {"status": "RESOURCE_EXHAUSTED", "code": 429}),
    ],
)
async def test_each_family_is_refused_in_its_own_shape(path: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    """With what is limited, and how long to wait; nothing says that a retry cannot help."""
    async with running(limited(rpm=1)) as edge:
        assert (await edge.client.post(path, json=body)).status_code == 200
        answer = await edge.client.post(path, json=body)
        assert answer.status_code == 429
        assert {name: answer.json()["error"][name] for name in expected} == expected
        assert "this API key may use 1 requests a minute, and 1 are used. Retry in 6" in answer.json()["error"]["message"]
        assert answer.headers["x-llm-edge-error-source"] == "gateway"
        assert "x-should-retry" not in answer.headers


async def test_a_refused_request_spends_nothing_and_calls_nobody() -> None:
    """Refused for its output, it leaves requests and input as they were."""
    async with Upstream() as up:
        up.on(answering(10, 10))
        async with running(limited(up.url, rpm=5, input_tpm=1000, output_tpm=100)) as edge:
            first = await edge.chat("a", max_tokens=50)
            assert (first.headers["x-ratelimit-remaining"], left(first, "output")) == ("4", 50)
            refused = await edge.chat("b", max_tokens=100)
            assert refused.status_code == 429
            assert "100 output tokens a minute, and 10 are used" in refused.json()["error"]["message"]
            after = await edge.chat("c", max_tokens=90)
            assert after.status_code == 200
            assert (after.headers["x-ratelimit-remaining"], left(after, "output")) == ("3", 0)
        assert len(up.calls) == 2


async def test_an_answer_from_the_cache_is_a_request_and_takes_no_tokens() -> None:
    """It is given even when the tokens are used up."""
    async with Upstream() as up:
        up.on(answering(90, 10))
        async with running(limited(up.url, rpm=3, input_tpm=100)) as edge:
            await edge.chat("same", temperature=0)
            hit = await edge.chat("same", temperature=0)
            assert (hit.status_code, hit.headers["x-llm-edge-cache"]) == (200, "hit")
            assert (hit.headers["x-ratelimit-remaining"], left(hit, "input")) == ("1", 10)
            assert (await edge.chat("another " * 10)).status_code == 429
            assert (await edge.chat("same", temperature=0)).headers["x-ratelimit-remaining"] == "0"
            assert (await edge.chat("same", temperature=0)).status_code == 429


async def test_who_joins_a_call_takes_a_request_and_no_tokens() -> None:
    """The leader alone pays for the call."""
    async with Upstream() as up:
        gate = asyncio.Event()

        async def slowly(call: Call) -> None:
            await gate.wait()
            await call.answer(200, {**chat("hello"), "usage": usage(30, 10)})

        up.on(slowly)
        async with running(limited(up.url, rpm=5, input_tpm=100)) as edge:
            asking = [asyncio.ensure_future(edge.chat("same " * 60, temperature=0)) for _ in range(4)]
            await up.received(1)
            await eventually(lambda: edge.gateway.metrics.active == 4)
            gate.set()
            answers = await asyncio.gather(*asking)
            assert [answer.status_code for answer in answers] == [200] * 4
            await edge.idle()
            last = await edge.chat("x", max_tokens=1)
            assert (last.headers["x-ratelimit-remaining"], left(last, "input")) == ("0", 100 - 30 - len(last.request.content) // 4 - 1)


async def test_a_stream_says_what_was_left_at_its_start_and_is_settled_at_its_end() -> None:
    """With the usage that the provider told."""
    async with Upstream() as up:

        async def stream(call: Call) -> None:
            await call.begin_stream()
            for event in chat_stream("hel", "lo"):
                await call.chunk(event)
            await call.end_stream()

        up.on(stream)
        async with running(limited(up.url, rpm=5, output_tpm=1000)) as edge:
            answer = await edge.chat("hi", stream=True, max_tokens=400)
            assert (answer.headers["x-ratelimit-remaining"], left(answer, "output")) == ("4", 600)
            await edge.idle()
            up.on(answering(7, 3))
            assert left(await edge.chat("ho", max_tokens=100), "output") == 1000 - 3 - 100


async def test_more_input_than_any_minute_may_have_is_the_clients_mistake() -> None:
    """400, not 429: it would never fit."""
    async with running(limited(input_tpm=100)) as edge:
        answer = await edge.chat("word " * 200, model="echo")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request_exceeds_limit")
        assert answer.headers["x-should-retry"] == "false"


async def test_errors_before_admission_have_the_headers_too() -> None:
    """A body that cannot be read takes nothing, and is told what there is."""
    async with running(limited(rpm=5)) as edge:
        for _ in range(2):
            answer = await edge.client.post("/v1/chat/completions", content=b"{", headers={"content-type": "application/json"})
            assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (400, "5")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-4o-mini", "/v1beta/models", "/v1/usage"])
async def test_who_only_looks_takes_nothing(path: str) -> None:
    """Is told what there is, also when nothing is left; needs a key, and leaves no usage record."""
    async with running(limited(rpm=1)) as edge:
        for left_ in ("1", "0", "0"):
            answer = await edge.client.get(path)
            assert (answer.status_code in (200, 404), answer.headers["x-ratelimit-remaining"]) == (True, left_)
            await edge.chat(model="echo")
        assert (await edge.client.get(path, headers={"authorization": "Bearer nobody"})).status_code == 401
        ledger = edge.gateway.state.ledger
        assert ledger is not None
        await ledger.flush()
        assert {record.route for record in await ledger.records.list(since=0, until=4e9)} == {"/v1/chat/completions"}


async def test_requests_at_the_same_time_are_slots_that_come_back_however_they_end() -> None:
    """Answered, failed, or left by their client."""
    async with Upstream() as up:
        gate = asyncio.Event()

        async def waiting(call: Call) -> None:
            await gate.wait()
            await call.answer(200, chat("hello"))

        up.on(waiting)
        async with running(limited(up.url, concurrency=2)) as edge:
            asking = [asyncio.ensure_future(edge.chat(f"q{n}")) for n in range(2)]
            await up.received(2)
            refused = await edge.chat("q2")
            assert refused.status_code == 429
            assert 1 <= int(refused.headers["retry-after"]) <= 2
            assert "2 requests at the same time" in refused.json()["error"]["message"]
            asking[0].cancel()
            await eventually(lambda: edge.gateway.state.in_flight.requests == 1)
            third = asyncio.ensure_future(edge.chat("q3"))
            await up.received(3)
            gate.set()
            assert [(await answer).status_code for answer in (asking[1], third)] == [200, 200]
            up.on(lambda call: call.answer(400, {"error": {"message": "no"}}))
            assert [(await edge.chat(f"r{n}")).status_code for n in range(3)] == [400] * 3


async def test_limits_of_a_model_and_of_the_gateway_count_for_everybody() -> None:
    """And are told apart from the key's own."""
    limits = {"gateway": {"rpm": 3}, "models": {"echo": {"rpm": 1}}, "default": {"rpm": 50}}
    async with running(settings(limits=limits, auth={"static_keys": ["key-one-0123456789", "key-two-0123456789"]})) as edge:

        async def ask(key: str, model: str) -> httpx2.Response:
            return await edge.chat(f"{key} {model}", model=model, headers={"authorization": f"Bearer key-{key}-0123456789"})

        assert (await ask("one", "echo")).headers["x-ratelimit-limit"] == "1"
        refused = await ask("two", "echo")
        assert refused.status_code == 429
        assert "the model may use 1 requests" in refused.json()["error"]["message"]
        assert [(await ask("two", "echo/other")).status_code for _ in range(2)] == [200, 200]
        refused = await ask("one", "echo/other")
        assert refused.status_code == 429
        assert "the gateway may use 3 requests" in refused.json()["error"]["message"]


async def test_output_is_estimated_by_what_the_model_usually_says() -> None:
    """256 at first, then a moving average."""
    async with Upstream() as up:
        up.on(answering(5, 1000))
        async with running(limited(up.url, output_tpm=100_000)) as edge:
            assert left(await edge.chat("a"), "output") == 100_000 - 256
            await edge.idle()
            assert left(await edge.chat("b"), "output") == 100_000 - 1000 - (256 + 74)


async def test_a_request_may_wait_for_its_turn() -> None:
    """First come, first served, as long as it may; then it is refused."""
    async with running(settings(limits={"default": {"burst": 2}, "wait_s": 1.6})) as edge:
        done: list[int] = []

        async def ask(n: int) -> int:
            answer = await edge.chat(f"hi {n}", model="echo")
            done.append(n)
            return answer.status_code

        def known() -> int:
            """Requests that have been answered, or that wait once two have."""
            return len(done) + (edge.gateway.state.in_flight.requests if len(done) > 1 else 0)

        asking = []
        for n in range(8):
            asking.append(asyncio.ensure_future(ask(n)))
            await asyncio.sleep(0.01)
            await eventually(lambda: known() >= len(asking))
        asking[3].cancel()
        codes = await asyncio.gather(*asking, return_exceptions=True)
        assert [code for code in codes if isinstance(code, int)] == [200, 200, 200, 200, 429, 429, 429]
        assert done[:4] == [0, 1, 2, 4]


async def test_what_has_no_limits_has_no_headers_of_them() -> None:
    """Nothing is made up."""
    async with running(settings()) as edge:
        assert not any(name.startswith("x-ratelimit") for name in (await edge.chat(model="echo")).headers)
