"""Contract C: attempts on the wire are exactly as configured, one deadline bounds them all, Retry-After is honoured.

Here: within one process. Breakers, cool-downs and what processes share of them: test_contract_c_health.py. An attempt's record is a metric
and a log field until metering.
"""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.access_log import Books
from tests.support.gateway import running, settings
from tests.support.upstream import Call, Upstream, chat, chat_chunk, failing, json_answer


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


@pytest.mark.parametrize("attempts", [1, 2, 4])
async def test_exactly_as_many_tries_as_configured(upstream: Upstream, attempts: int) -> None:
    """No layer retries on its own."""
    upstream.on(failing(503, "down"))
    async with running(settings(upstream.url, routing={"retries": {"attempts": attempts}})) as edge:
        answer = await edge.chat()
        assert answer.status_code == 503
        assert answer.json()["error"]["message"] == "down"
        assert len(upstream.calls) == attempts
        assert answer.headers["x-llm-edge-attempts"] == str(attempts)


@pytest.mark.parametrize("attempts", [1, 3])
async def test_exactly_as_many_tries_of_embeddings(upstream: Upstream, attempts: int) -> None:
    """The same loop as chat's."""
    upstream.on(failing(503, "down"))
    async with running(settings(upstream.url, routing={"retries": {"attempts": attempts}})) as edge:
        answer = await edge.client.post("/v1/embeddings", json={"model": "text-embedding-3-small", "input": "x"})
        assert (answer.status_code, len(upstream.calls), answer.headers["x-llm-edge-attempts"]) == (503, attempts, str(attempts))


async def test_each_try_leaves_a_record(upstream: Upstream) -> None:
    """In the log: who, what came of it, and in the transport's own words why, which the client is not told. A lone success has none."""

    async def reset(call: Call) -> None:
        call.reset()

    books = Books()
    upstream.script(failing(500), reset, json_answer(chat()), json_answer(chat()))
    async with running(settings(upstream.url, routing={"retries": {"attempts": 3}}), access_log=books.log) as edge:
        assert (await edge.chat("a")).status_code == 200
        assert (await edge.chat("b")).status_code == 200
        first, second = await books.lines(edge)
    told = [(one["status"], one["error"], one["sent"], "cause" in one) for one in first["tries"]]
    assert told == [(500, "provider_error", True, False), (None, "upstream_error", True, True), (200, None, True, False)]
    assert {one["provider"] for one in first["tries"]} == {"openai"}
    assert "tries" not in second


async def test_a_provider_that_cannot_be_called_says_why_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without AWS credentials: the client learns that it could not be reached, the operator why."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    books = Books()
    config = settings(providers={"bedrock": {"kind": "bedrock", "region": "us-east-1"}}, routing={"retries": {"attempts": 1}})
    async with running(config, access_log=books.log) as edge:
        answer = await edge.chat(model="anthropic.claude-x")
        (line,) = await books.lines(edge)
    assert answer.status_code == 502
    assert "credentials" not in answer.text
    assert line["tries"][0]["cause"].startswith("no AWS credentials")


async def test_tries_are_counted_over_all_targets(upstream: Upstream) -> None:
    """Two targets, three attempts: three calls."""
    upstream.on(failing(500))
    provider = {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["sk-x-1234567890"]}
    config = settings(
        providers={"a": provider, "b": provider},
        models={"m": {"strategy": "failover", "targets": [{"provider": "a"}, {"provider": "b"}], "retries": {"attempts": 3}}},
    )
    async with running(config) as edge:
        assert (await edge.chat(model="m")).status_code == 500
        assert len(upstream.calls) == 3


async def test_a_reset_connection_is_a_try(upstream: Upstream) -> None:
    """Something was written: it counts."""

    async def reset(call: Call) -> None:
        call.reset()

    upstream.on(reset)
    async with running(settings(upstream.url, routing={"retries": {"attempts": 2}})) as edge:
        assert (await edge.chat()).status_code == 502
        assert len(upstream.calls) == 2


async def test_a_pooled_connection_found_closed_is_no_try(upstream: Upstream) -> None:
    """It is replaced without a word, also with a single attempt."""

    async def answer_and_close(call: Call) -> None:
        await call.answer(200, chat())
        call.close()

    upstream.on(answer_and_close)
    async with running(settings(upstream.url, routing={"retries": {"attempts": 1}})) as edge:
        for i in range(5):
            assert (await edge.chat(str(i))).status_code == 200
        assert len(upstream.calls) == 5


async def test_retry_after_is_waited_for_and_not_less(upstream: Upstream) -> None:
    """One second means one second."""
    times: list[float] = []

    async def throttled(call: Call) -> None:
        times.append(time.monotonic())
        await call.answer(429, {"error": {"message": "slow", "type": "rate_limit", "code": None}}, {"retry-after": "1"})

    async def fine(call: Call) -> None:
        times.append(time.monotonic())
        await call.answer(200, chat())

    upstream.script(throttled, fine)
    async with running(settings(upstream.url)) as edge:
        assert (await edge.chat()).status_code == 200
    assert times[1] - times[0] >= 1.0


async def test_a_long_retry_after_reaches_the_client(upstream: Upstream) -> None:
    """Its SDK waits better than a held connection; later requests are spared the provider."""
    upstream.on(failing(429, "slow", {"retry-after": "30"}))
    async with running(settings(upstream.url)) as edge:
        answer = await edge.chat()
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
        again = await edge.chat("another")
        assert again.status_code == 429
        assert 1 <= int(again.headers["retry-after"]) <= 30
        assert len(upstream.calls) == 1


async def test_one_deadline_bounds_all_attempts(upstream: Upstream) -> None:
    """However many attempts are left."""
    upstream.on(failing(503))
    async with running(settings(upstream.url, routing={"retries": {"attempts": 20}})) as edge:
        began = time.monotonic()
        answer = await edge.chat(headers={"x-llm-edge-timeout-s": "0.5"})
        assert answer.status_code in (503, 504)
        assert time.monotonic() - began < 1.0
        assert 1 <= len(upstream.calls) < 20


async def test_the_clients_own_limit_counts(upstream: Upstream) -> None:
    """x-stainless-read-timeout bounds whole answers; a bad x-llm-edge-timeout-s is said."""

    async def never(call: Call) -> None:
        await call.until_gone()

    upstream.on(never)
    async with running(settings(upstream.url)) as edge:
        began = time.monotonic()
        assert (await edge.chat(headers={"x-stainless-read-timeout": "0.3"})).status_code == 504
        assert time.monotonic() - began < 0.8
        wrong = await edge.chat(headers={"x-llm-edge-timeout-s": "soon"})
        assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "x-llm-edge-timeout-s")


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_clients_mistake_is_not_retried(upstream: Upstream, status: int) -> None:
    """One call."""
    upstream.on(failing(status))
    async with running(settings(upstream.url)) as edge:
        answer = await edge.chat()
        assert (answer.status_code, len(upstream.calls)) == (status, 1)
        assert answer.headers["x-should-retry"] == "false"


async def test_no_retry_after_content(upstream: Upstream) -> None:
    """What was shown is never shown again from another call."""

    async def cut(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "partial"}))
        call.close()

    upstream.on(cut)
    async with running(settings(upstream.url)) as edge:
        await edge.chat(stream=True)
        assert len(upstream.calls) == 1


async def test_a_refused_key_of_a_pool_gives_way_to_the_next(upstream: Upstream) -> None:
    """401 and 429 rest the member; the provider's other key answers."""
    seen: list[str] = []

    async def picky(call: Call) -> None:
        key = call.headers["authorization"].removeprefix("Bearer ")
        seen.append(key)
        if key == "sk-dead-1234567890":
            await call.answer(401, {"error": {"message": "bad key", "type": "invalid_request_error", "code": "invalid_api_key"}})
        else:
            await call.answer(200, chat())

    upstream.on(picky)
    pool: dict[str, Any] = {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["sk-dead-1234567890", "sk-live-1234567890"]}
    async with running(settings(providers={"openai": pool})) as edge:
        for i in range(12):
            assert (await edge.chat(f"question {i}")).status_code == 200
    assert seen.count("sk-dead-1234567890") == 1


async def test_each_attempt_leaves_a_record(upstream: Upstream) -> None:
    """In the metrics, by outcome."""
    upstream.script(failing(503), json_answer(chat()))
    async with running(settings(upstream.url)) as edge:
        assert (await edge.chat()).status_code == 200
        text = (await edge.client.get("/metrics")).text
        lines = [line for line in text.splitlines() if line.startswith("llm_edge_attempts_total{")]
        assert sum(float(line.rsplit(" ", 1)[1]) for line in lines) == 2.0
        assert any('role="retry"' in line and line.endswith(" 1.0") for line in lines)
