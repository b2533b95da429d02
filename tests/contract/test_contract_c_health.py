"""Contract C, health: breakers, cool-downs and quotas on real sockets; what one process learns, another knows within 1 s."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proxy.routing.breaker import Breaker
from proxy.settings import Settings
from tests.support.edge_process import EdgeProcess
from tests.support.eventually import eventually
from tests.support.gateway import KEY, Running, chat_body, running, settings
from tests.support.upstream import Call, Upstream, chat, chat_chunk, chat_stream, failing, json_answer, stream_answer
from tests.support.valkey import Valkey

ONCE = {"retries": {"attempts": 1}}
OPEN_S = 0.4


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


@pytest.fixture
async def other() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        up.on(json_answer(chat("from the other")))
        yield up


def one(upstream: Upstream, **routing: Any) -> Settings:
    return settings(upstream.url, routing={**ONCE, **routing}, cache={"enabled": False})


def provider(upstream: Upstream, *keys: str) -> dict[str, Any]:
    return {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": list(keys or ("sk-provider-1234567890",))}


def two(first: Upstream, second: Upstream, **routing: Any) -> Settings:
    """Entry `m`: one target at each, in that order."""
    return settings(
        providers={"a": provider(first), "b": provider(second)},
        models={"m": {"strategy": "failover", "targets": [{"provider": "a", "model": "x"}, {"provider": "b", "model": "x"}]}},
        routing=routing,
        cache={"enabled": False},
    )


def breaker(edge: Running, target: str = "openai/gpt-4o-mini") -> Breaker:
    return edge.gateway.state.pipeline.health.stats(target).breaker


def gauge(edge: Running, family: str, *labels: str) -> float | None:
    return next((s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == family and s.labels == labels), None)


def states(edge: Running, name: str = "openai") -> list[str]:
    return [s for s in ("closed", "open", "half_open") if gauge(edge, "llm_edge_circuit_breaker_state", name, s)]


async def opened(edge: Running, upstream: Upstream, n: int = 5) -> None:
    """By `n` failures."""
    upstream.on(failing(500))
    for i in range(n):
        assert (await edge.chat(f"failing {i}")).status_code == 500


async def test_five_failures_are_a_503_without_a_call(upstream: Upstream) -> None:
    """Until `open_s` is over, with the time to come back; the gauges, the log's counter and `/health` say so."""
    async with running(one(upstream)) as edge:
        await opened(edge, upstream, 4)
        assert states(edge) == ["closed"]
        await opened(edge, upstream, 1)
        refused = await edge.chat("again")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "targets_resting")
        assert (refused.headers["x-llm-edge-error-source"], refused.headers["x-llm-edge-attempts"]) == ("gateway", "0")
        assert 25 <= int(refused.headers["retry-after"]) <= 30
        assert len(upstream.calls) == 5
        assert states(edge) == ["open"]
        assert gauge(edge, "llm_edge_provider_available", "openai") == 0.0
        assert gauge(edge, "llm_edge_circuit_breaker_transitions_total", "openai", "open", "own") == 1.0
        facts = (await edge.client.get("/health")).json()
        assert (facts["status"], facts["providers"]["openai"]["healthy"]) == ("degraded", False)
        (rest,) = facts["resting"]
        assert (rest["target"], rest["reason"]) == ("openai/gpt-4o-mini", "breaker open")


async def test_one_probe_then_two_successes_close_it(upstream: Upstream) -> None:
    """After `open_s` one request at a time is let through; the others are refused meanwhile."""
    go = asyncio.Event()

    async def held(call: Call) -> None:
        await go.wait()
        await call.answer(200, chat())

    async with running(one(upstream, breaker={"open_s": OPEN_S})) as edge:
        await opened(edge, upstream)
        upstream.on(held)
        await asyncio.sleep(OPEN_S)
        assert states(edge) == ["half_open"]
        probe = asyncio.ensure_future(edge.chat("the probe"))
        await upstream.received(6)
        others = await asyncio.gather(*(edge.chat(f"while it runs {i}") for i in range(5)))
        assert {answer.status_code for answer in others} == {503}
        assert {answer.headers["retry-after"] for answer in others} == {"1"}
        go.set()
        assert (await probe).status_code == 200
        assert states(edge) == ["half_open"]
        assert (await edge.chat("the second")).status_code == 200
        assert states(edge) == ["closed"]
        assert len(upstream.calls) == 7
        assert gauge(edge, "llm_edge_circuit_breaker_transitions_total", "openai", "closed", "own") == 1.0


async def test_a_failed_probe_opens_it_again(upstream: Upstream) -> None:
    """For the whole time."""
    async with running(one(upstream, breaker={"open_s": OPEN_S})) as edge:
        await opened(edge, upstream)
        await asyncio.sleep(OPEN_S)
        assert (await edge.chat("probe")).status_code == 500
        assert (await edge.chat("no call")).status_code == 503
        assert len(upstream.calls) == 6


async def test_a_stream_is_a_probe_until_its_first_token(upstream: Upstream) -> None:
    """A long answer does not keep everybody else away."""
    go = asyncio.Event()

    async def slow(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "first"}))
        await go.wait()
        for event in chat_stream("rest")[1:]:
            await call.chunk(event)
        await call.end_stream()

    async with running(one(upstream, breaker={"open_s": OPEN_S})) as edge:
        await opened(edge, upstream)
        upstream.on(slow)
        await asyncio.sleep(OPEN_S)
        probe = asyncio.ensure_future(edge.chat("stream", stream=True))
        await eventually(lambda: breaker(edge).successes == 1)
        upstream.on(json_answer(chat()))
        assert (await edge.chat("second")).status_code == 200
        assert states(edge) == ["closed"]
        go.set()
        assert (await probe).text.endswith("data: [DONE]\n\n")


async def test_a_cancelled_probe_gives_its_place_back(upstream: Upstream) -> None:
    """A client that leaves says nothing of the target."""

    async def never(call: Call) -> None:
        await call.until_gone()

    async with running(one(upstream, breaker={"open_s": OPEN_S})) as edge:
        await opened(edge, upstream)
        upstream.on(never)
        await asyncio.sleep(OPEN_S)
        probe = asyncio.ensure_future(edge.chat("leaves"))
        await upstream.received(6)
        probe.cancel()
        await eventually(lambda: not breaker(edge).probe)
        assert (breaker(edge).state, breaker(edge).successes) == ("half_open", 0)


async def test_fallback_without_a_call(upstream: Upstream, other: Upstream) -> None:
    """The other target answers, and no try is spent on the one that is open."""
    upstream.on(failing(500))
    async with running(two(upstream, other)) as edge:
        for i in range(8):
            answer = await edge.chat(str(i), model="m")
            assert (answer.status_code, answer.json()["choices"][0]["message"]["content"]) == (200, "from the other")
        assert (len(upstream.calls), len(other.calls)) == (5, 8)
        assert answer.headers["x-llm-edge-attempts"] == "1"


async def test_truncated_streams_open_it(upstream: Upstream) -> None:
    """What breaks after the first content counts like what breaks before."""

    async def cut(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "partial"}))
        call.close()

    upstream.on(cut)
    async with running(one(upstream)) as edge:
        for i in range(5):
            assert (await edge.chat(str(i), stream=True)).status_code == 200
        assert (await edge.chat("x", stream=True)).status_code == 503
        assert len(upstream.calls) == 5


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429])
async def test_what_is_not_a_failure_opens_nothing(upstream: Upstream, status: int) -> None:
    """The request's own fault, a refused key, a throttled one."""
    upstream.on(failing(status))
    async with running(one(upstream)) as edge:
        for i in range(7):
            assert (await edge.chat(str(i))).status_code == status
        assert breaker(edge).state == "closed"
        assert len(upstream.calls) == 7


async def test_an_impatient_client_opens_nothing(upstream: Upstream) -> None:
    """Its own limit, not the target, made the time-out; the route's own time-out counts."""

    async def never(call: Call) -> None:
        await call.until_gone()

    upstream.on(never)
    async with running(one(upstream, timeouts={"total_s": 0.2}, breaker={"threshold": 2})) as edge:
        for i in range(3):
            assert (await edge.chat(str(i), headers={"x-llm-edge-timeout-s": "0.05"})).status_code == 504
        assert breaker(edge).failures == 0
        for i in range(2):
            assert (await edge.chat(str(i))).status_code == 504
        assert states(edge) == ["open"]


async def test_a_breaker_can_be_switched_off(upstream: Upstream) -> None:
    """Then every request finds out for itself; a reload that switches it off closes what is open."""
    async with running(one(upstream)) as edge:
        await opened(edge, upstream)
        assert states(edge) == ["open"]
        await edge.gateway.reload(one(upstream, breaker={"enabled": False}))
        await opened(edge, upstream, 8)
        assert states(edge) == ["closed"]


async def test_a_cool_down_is_only_lengthened(upstream: Upstream) -> None:
    """A later, shorter Retry-After of a call that was under way does not shorten it."""
    async with running(one(upstream)) as edge:
        go = asyncio.Event()

        async def late(call: Call) -> None:
            await go.wait()
            await call.answer(429, {"error": {"message": "slow"}}, {"retry-after": "1"})

        upstream.script(late, failing(429, "slow", {"retry-after": "40"}))
        first = asyncio.ensure_future(edge.chat("first"))
        await upstream.received(1)
        assert (await edge.chat("second")).status_code == 429
        go.set()
        assert (await first).headers["retry-after"] == "1"
        waits = await edge.chat("third")
        assert (waits.status_code, waits.json()["error"]["code"]) == (429, "provider_cooling_down")
        assert 38 <= int(waits.headers["retry-after"]) <= 40
        assert len(upstream.calls) == 2


@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 355),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "17s"}, 15),
        ({"retry-after-ms": "20000"}, 18),
    ],
)
async def test_resets_are_honoured_like_retry_after(upstream: Upstream, headers: dict[str, str], least: int) -> None:
    """`x-ratelimit-reset*` of the limit that is used up."""
    upstream.on(failing(429, "slow", headers))
    async with running(one(upstream)) as edge:
        assert (await edge.chat()).status_code == 429
        again = await edge.chat("again")
        assert (again.status_code, len(upstream.calls)) == (429, 1)
        assert least <= int(again.headers["retry-after"]) <= least + 5


async def test_a_quota_that_runs_out_is_left_before_the_429(upstream: Upstream, other: Upstream) -> None:
    """The answer that says how little is left is the last one from there until the reset."""
    left = {"x-ratelimit-limit-requests": "1000", "x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "300ms"}
    upstream.on(json_answer(chat("from the first"), headers=left))
    async with running(two(upstream, other)) as edge:
        assert (await edge.chat("1", model="m")).status_code == 200
        assert gauge(edge, "llm_edge_target_quota_left_ratio", "a", "x") == pytest.approx(0.009)
        assert gauge(edge, "llm_edge_target_resting", "a", "x", "quota") == 1.0
        for i in range(3):
            await edge.chat(f"2 {i}", model="m")
        assert (len(upstream.calls), len(other.calls)) == (1, 3)
        await eventually(lambda: edge.gateway.state.pipeline.health.stats("a/x").rest(time.monotonic()) is None)
        await edge.chat("3", model="m")
        assert (len(upstream.calls), len(other.calls)) == (2, 3)


async def test_a_lone_target_is_used_to_the_last_of_its_quota(upstream: Upstream) -> None:
    """Nobody is there to go to: the provider may say no, the gateway does not."""
    upstream.on(json_answer(chat(), headers={"x-ratelimit-limit-requests": "1000", "x-ratelimit-remaining-requests": "1"}))
    async with running(one(upstream)) as edge:
        for i in range(3):
            assert (await edge.chat(str(i))).status_code == 200


async def test_keys_of_a_pool_have_quotas_of_their_own(upstream: Upstream, other: Upstream) -> None:
    """The other key takes over; when both are used up, the other target."""
    seen: list[str] = []

    async def counting(call: Call) -> None:
        seen.append(call.headers["authorization"][-5:])
        await call.answer(
            200, chat(), {"x-ratelimit-limit-tokens": "1000", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m"}
        )

    upstream.on(counting)
    config = settings(
        providers={"a": provider(upstream, "sk-first-00001", "sk-other-00002"), "b": provider(other)},
        models={"m": {"strategy": "failover", "targets": [{"provider": "a", "model": "x"}, {"provider": "b", "model": "x"}]}},
        cache={"enabled": False},
    )
    async with running(config) as edge:
        for _ in range(4):
            assert (await edge.chat("the same conversation", model="m")).status_code == 200
    assert sorted(seen) == ["00001", "00002"]
    assert len(other.calls) == 2


async def test_a_throttled_key_rests_for_that_model_only(upstream: Upstream) -> None:
    """Rate limits are a model's; a key that is refused altogether rests for all."""
    seen: list[tuple[str, str]] = []

    async def picky(call: Call) -> None:
        key, model = call.headers["authorization"][-5:], call.json["model"]
        seen.append((key, model))
        if (key, model) == ("00001", "busy"):
            await call.answer(429, {"error": {"message": "slow"}}, {"retry-after": "60"})
        elif (key, model) == ("00001", "dead"):
            await call.answer(401, {"error": {"message": "no"}})
        else:
            await call.answer(200, chat())

    upstream.on(picky)
    config = settings(providers={"p": provider(upstream, "sk-first-00001", "sk-other-00002")}, cache={"enabled": False})
    async with running(config) as edge:
        for model in ("busy", "idle", "dead", "after"):
            for i in range(12):
                assert (await edge.chat(f"question {i}", model=f"p/{model}")).status_code == 200
    first = {model: sum(1 for key, m in seen if (key, m) == ("00001", model)) for model in ("busy", "idle", "dead", "after")}
    assert first["busy"] == first["dead"] == 1
    assert first["idle"] > 1
    assert first["after"] == 0


async def test_a_target_that_was_throttled_without_a_time_comes_after_the_others(upstream: Upstream, other: Upstream) -> None:
    """For a second, then longer."""
    upstream.on(failing(429))
    async with running(two(upstream, other)) as edge:
        for i in range(5):
            assert (await edge.chat(str(i), model="m")).status_code == 200
        assert (len(upstream.calls), len(other.calls)) == (1, 5)


async def test_active_probes_close_it_before_a_client_finds_out(upstream: Upstream) -> None:
    """With one token, also before `open_s` is over; and only of targets whose breaker is not closed."""
    async with running(one(upstream, probes={"every_s": 0.05})) as edge:
        await opened(edge, upstream)
        upstream.on(json_answer(chat()))
        await eventually(lambda: states(edge) == ["closed"])
        probes = upstream.calls[5:]
        assert {(call.path, call.json["max_tokens"], call.json["model"]) for call in probes[-2:]} == {
            ("/v1/chat/completions", 1, "gpt-4o-mini")
        }
        assert gauge(edge, "llm_edge_probes_total", "openai", "ok") == 2.0
        done = len(upstream.calls)
        await asyncio.sleep(0.2)
        assert len(upstream.calls) == done
        assert (await edge.chat("hello")).status_code == 200


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


async def ask(port: int, text: str) -> httpx2.Response:
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {KEY}"}, timeout=20, trust_env=False) as client:
        return await client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=chat_body(text))


async def until(port: int, condition: Any, within_s: float = 1.0) -> None:
    """`/health`'s list of what rests fulfils it."""
    async with asyncio.timeout(within_s), httpx2.AsyncClient(trust_env=False) as client:
        while not condition((await client.get(f"http://127.0.0.1:{port}/health")).json()["resting"]):
            await asyncio.sleep(0.02)


async def test_two_processes_know_of_each_other_within_a_second(upstream: Upstream, valkey: Valkey, tmp_path: Path) -> None:
    """An opening, the closing after it, and a cool-down, found out by one and kept to by the other without a call of its own."""
    config: dict[str, Any] = {
        "providers": {"openai": provider(upstream)},
        "routing": {**ONCE, "breaker": {"open_s": 3}},
        "cache": {"enabled": False},
    }
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    with (
        EdgeProcess(homes[0] / "config.yaml", stores={"redis": valkey.url}, **config) as first,
        EdgeProcess(homes[1] / "config.yaml", stores={"redis": valkey.url}, **config) as second,
    ):
        a, b = await asyncio.to_thread(lambda: first.port), await asyncio.to_thread(lambda: second.port)
        upstream.on(failing(500))
        for i in range(5):
            assert (await ask(a, str(i))).status_code == 500
        await until(b, lambda rests: [r["reason"] for r in rests] == ["breaker open"])
        assert (await ask(b, "no call")).status_code == 503
        assert len(upstream.calls) == 5

        upstream.on(json_answer(chat()))
        await until(b, lambda rests: not rests, within_s=5.0)
        for i in range(2):
            assert (await ask(b, f"probe {i}")).status_code == 200
        await asyncio.to_thread(first.wait_for, "breaker closed", within_s=1.0)

        upstream.on(failing(429, "slow", {"retry-after": "50"}))
        assert (await ask(b, "throttled")).status_code == 429
        await until(a, lambda rests: [r["reason"] for r in rests] == ["cooling down"])
        calls = len(upstream.calls)
        answer = await ask(a, "no call")
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "provider_cooling_down")
        assert 47 <= int(answer.headers["retry-after"]) <= 50
        assert len(upstream.calls) == calls


async def test_a_board_that_fails_hurts_nobody(upstream: Upstream, valkey: Valkey) -> None:
    """Redis is gone: this process's own breaker works as before."""
    config = settings(upstream.url, routing=ONCE, cache={"enabled": False}, stores={"redis": valkey.url})
    async with running(config) as edge:
        valkey.kill()
        await opened(edge, upstream)
        assert (await edge.chat("no call")).status_code == 503
        upstream.on(stream_answer(chat_stream("x")))
        breaker(edge).close(time.monotonic())
        assert (await edge.chat("x", stream=True)).status_code == 200
