"""Contract E over sockets, counters in the process. The counters themselves: test_contract_e_counters.py; over several gateways:
test_contract_e_shared.py; what SDKs see: test_contract_e_sdks.py."""

import asyncio
import hashlib
import hmac
import json
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import msgspec
import pytest

from proxy.core.claims import Reading, Spend
from proxy.core.route import RouteInfo
from proxy.governance.budgets.periods import FOREVER
from proxy.governance.budgets.refusals import exceeded
from proxy.storage.usage import UsageRecord
from tests.support.doors import DOORS, one_each, refusal
from tests.support.edge_process import EdgeProcess
from tests.support.eventually import eventually
from tests.support.gateway import KEY, Running, chat_body, running, settings
from tests.support.money import money
from tests.support.two_targets import two_targets
from tests.support.upstream import Call, Upstream, chat, chat_stream, failing, json_answer

PRICES: dict[str, Any] = {"gpt-4o-mini": {"input": 10, "output": 100}}
"""USD a million: 10 000 nano-USD an input token, 100 000 an output token."""
IN, OUT = 10_000, 100_000


def budgeted(upstream: str, usd: float, *, budgets: dict[str, Any] | None = None, **more: Any) -> Any:
    return settings(
        upstream,
        budgets={"default_monthly_usd": usd, **(budgets or {})},
        **{"prices": PRICES, "cache": {"enabled": False}, "routing": {"retries": {"attempts": 1}}, **more},
    )


def usage(prompt: int, completion: int) -> dict[str, Any]:
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}}


async def test_50_at_once_never_spend_past_the_cap() -> None:
    """The provider counts half as much to twice as much as four bytes a token, and as many output tokens as it likes up to the cap it was
    sent; what the counter says is what was billed."""
    rng = Random(7)
    billed: list[int] = []

    async def handle(call: Call) -> None:
        await asyncio.sleep(rng.random() * 0.05)
        body = call.json
        prompt = int(len(call.body) / 4 * rng.uniform(0.5, 2.0))
        completion = min(int(300 * rng.uniform(0.5, 2.0)), body["max_tokens"])
        billed.append(prompt * IN + completion * OUT)
        await call.answer(200, {**chat("ok"), **usage(prompt, completion)})

    async with Upstream() as up:
        up.on(handle)
        async with running(budgeted(up.url, 0.50)) as edge:
            for turn in range(4):
                codes = [
                    answer.status_code
                    for answer in await asyncio.gather(*(edge.chat(f"{turn} {n} " + "word " * 40, max_tokens=500) for n in range(50)))
                ]
                assert set(codes) <= {200, 402}
                assert sum(billed) <= 500_000_000
            assert 402 in codes
            counter = await money(edge)
            assert (counter.used, counter.reserved) == (sum(billed), 0)
            assert sum(billed) > 0.9 * 500_000_000  # the last ones were sent with what was left


@pytest.mark.parametrize("door", DOORS)
async def test_402_in_each_familys_shape(door: str) -> None:
    """With the status, type and code of docs/errors.md, and not to be tried again."""
    async with Upstream() as up:
        async with running(one_each(up.url, budgets={"default_monthly_usd": 0.0001}, prices=_all_doors())) as edge:
            path, body = DOORS[door].ask(DOORS[door].provider)
            answer = await edge.client.post(path, json=body)
        assert not up.calls
    assert answer.status_code == 402
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-llm-edge-error-source"] == "gateway"
    assert "retry-after" not in answer.headers
    text = refusal(door, answer)
    assert text.startswith("Monthly budget exceeded: $0.00 / $0.0001. It is the budget of this API key, and this call may cost up to $")
    assert "It begins anew at 20" in text
    error = answer.json().get("error", {})
    kind = {"messages": error.get("type"), "converse": answer.headers.get("x-amzn-errortype"), "gemini": error.get("status")}
    expected = {"messages": "billing_error", "converse": "ServiceQuotaExceededException", "gemini": "RESOURCE_EXHAUSTED"}
    if door in expected:
        assert kind[door] == expected[door]
    else:
        assert (error["type"], error["code"]) == ("insufficient_quota", "budget_exceeded")


def _all_doors() -> dict[str, Any]:
    names = ("chat", "completions", "responses", "anthropic", "bedrock", "gemini")
    return {f"claude-{name}": {"input": 10, "output": 100} for name in names}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("lane", ["same", "other"])
async def test_what_is_left_is_sent_as_the_cap(door: str, lane: str) -> None:
    """In both lanes, in the upstream's own field, and the client is told."""
    usd = 0.0500  # 500 output tokens, less the prompt
    async with Upstream() as up:
        up.on(failing(500))
        async with running(one_each(up.url, budgets={"default_monthly_usd": usd}, prices=_all_doors())) as edge:
            spec = DOORS[door]
            target = spec.provider if lane == "same" else spec.other
            more: dict[str, Any] = {"max_tokens": 4000} if door == "messages" else {}
            path, body = spec.ask(target, **more)
            answer = await edge.client.post(path, json=body)
            assert answer.status_code == 500
            sent = up.calls[0].json
            upstream = {"anthropic": "messages", "bedrock": "converse"}.get(target, target)
            value: Any = sent
            for name in ("max_completion_tokens",) if upstream == "chat" else DOORS[upstream].limit:
                value = value[name]
            assert int(answer.headers["x-llm-edge-max-tokens-capped"]) == value
            assert 256 <= value < 500
            assert (await money(edge)).used == 0


async def test_less_than_256_tokens_are_not_worth_a_call() -> None:
    """Nor is any shorter answer, where the configuration says so."""
    async with Upstream() as up:
        up.on(json_answer({**chat("ok"), **usage(10, 10)}))
        async with running(budgeted(up.url, 0.027)) as edge:  # 270 tokens less the prompt
            assert (await edge.chat("hi", max_tokens=500)).status_code == 402
            assert (await edge.chat("hi", max_tokens=100)).status_code == 200
        async with running(budgeted(up.url, 0.05, budgets={"on_shortfall": "refuse"})) as edge:
            assert (await edge.chat("hi", max_tokens=500)).status_code == 402
            answer = await edge.chat("hi", max_tokens=300)
            assert (answer.status_code, answer.headers.get("x-llm-edge-max-tokens-capped")) == (200, None)


async def test_thinking_has_to_fit_below_the_cap() -> None:
    """A cap at or below the thinking budget would be refused by the provider."""
    thinking: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 8000}
    async with Upstream() as up:
        up.on(failing(500))
        for usd, status in ((0.20, 402), (0.30, 500)):
            async with running(one_each(up.url, budgets={"default_monthly_usd": usd}, prices=_all_doors())) as edge:
                path, body = DOORS["messages"].ask("anthropic", **thinking)
                assert (await edge.client.post(path, json=body)).status_code == status
        assert 2256 <= up.calls[0].json["max_tokens"] < 3000


async def test_n_choices_are_paid_for() -> None:
    async with Upstream() as up:
        up.on(json_answer({**chat("ok"), **usage(10, 10)}))
        async with running(budgeted(up.url, 0.15)) as edge:
            capped = await edge.chat("hi", n=4, max_tokens=1000)
            assert 256 <= int(capped.headers["x-llm-edge-max-tokens-capped"]) < 375
            assert (await edge.chat("hi", n=6, max_tokens=1000)).status_code == 402


async def test_models_without_a_price() -> None:
    """Refused where a budget applies, or taken at a stated price; never for nothing."""
    async with Upstream() as up:
        up.on(json_answer({**chat("ok"), **usage(10, 10)}))
        async with running(budgeted(up.url, 1)) as edge:
            answer = await edge.chat("hi", model="nobody-knows-it")
            assert (answer.status_code, answer.json()["error"]["code"]) == (402, "model_unpriced")
            assert not up.calls
        async with running(budgeted(up.url, 10, budgets={"unpriced": {"input": 10, "output": 100}})) as edge:
            answer = await edge.chat("hi", model="nobody-knows-it", max_tokens=100)
            assert answer.headers["x-llm-edge-cost-usd"] == "0.001100000"
            assert (await money(edge)).used == 10 * IN + 10 * OUT
        async with running(settings(up.url, budgets={"default_monthly_usd": None})) as edge:
            assert (await edge.chat("hi", model="nobody-knows-it")).status_code == 200


async def test_free_providers_and_cached_answers_cost_nothing() -> None:
    """Even where all is spent."""
    async with Upstream() as up:
        up.on(json_answer({**chat("ok"), **usage(100, 490)}))
        config = budgeted(up.url, 0.06, cache={"enabled": True, "when": "always"})
        async with running(config) as edge:
            first = await edge.chat("hi", max_tokens=492)
            assert first.status_code == 200
            assert (await edge.chat("other", max_tokens=492)).status_code == 402
            hit = await edge.chat("hi", max_tokens=492)
            assert (hit.status_code, hit.headers["x-llm-edge-cache"]) == (200, "hit")
            assert (await money(edge)).used == 100 * IN + 490 * OUT
    async with running(settings(budgets={"default_monthly_usd": 0})) as edge:
        assert (await edge.chat("hi", model="echo")).status_code == 200


async def test_a_capped_answer_is_nobody_elses() -> None:
    """It is not kept, and who waits for it asks for itself."""
    async with Upstream() as up:
        up.on(json_answer({**chat("ok"), **usage(10, 10)}))
        async with running(budgeted(up.url, 0.06, cache={"enabled": True, "when": "always"})) as edge:
            answers = await asyncio.gather(*(edge.chat("hi", max_tokens=800) for _ in range(2)))
            assert sorted(answer.status_code for answer in answers) == [200, 402]  # the first took all that was left
            again = await edge.chat("hi", max_tokens=800)
            assert (again.status_code, again.headers["x-llm-edge-cache"]) == (200, "miss")
            assert len(up.calls) == 2


async def test_a_failed_call_gives_back_and_a_retry_takes_its_place() -> None:
    """Money for one call is enough for three tries of it."""
    async with Upstream() as up:
        up.script(failing(500), failing(500), json_answer({**chat("ok"), **usage(10, 10)}))
        retries = {"retries": {"attempts": 3, "backoff_base_s": 0.01}}
        async with running(budgeted(up.url, 0.05, routing=retries)) as edge:
            assert (await edge.chat("hi", max_tokens=480)).status_code == 200
            assert len(up.calls) == 3
            assert (await money(edge)).used == 10 * IN + 10 * OUT


async def test_both_of_a_hedge_are_reserved() -> None:
    """Where one alone is paid for, there is no second."""
    for usd, calls in ((0.014, 1), (0.07, 2)):
        async with two_targets(hedge={"after_s": 0.02, "share": 1.0, "streams_only": False}, budget_usd=usd) as pair:
            release = asyncio.Event()

            async def slow(call: Call, release: asyncio.Event = release) -> None:
                await release.wait()
                await call.answer(200, {**chat("ok"), **usage(10, 10)})

            pair.a.on(slow)
            pair.b.on(slow)
            asked = asyncio.ensure_future(pair.chat(max_tokens=1000))
            await pair.a.received(1)
            await asyncio.sleep(0.2)
            assert len(pair.b.calls) == calls - 1
            release.set()
            assert (await asked).status_code == 200
            await pair.settled()


async def test_a_client_that_leaves_is_settled() -> None:
    """Nothing stays reserved."""
    async with Upstream() as up:

        async def half(call: Call) -> None:
            await call.begin_stream()
            for event in chat_stream("one ", "two ")[:2]:
                await call.chunk(event)
            await call.until_gone()

        up.on(half)
        async with running(budgeted(up.url, 1)) as edge:
            body = {"model": "gpt-4o-mini", "stream": True, "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
            async with edge.client.stream("POST", "/v1/chat/completions", json=body) as answer:
                async for _ in answer.aiter_bytes():
                    break
            counter = await money(edge)
            assert counter.reserved == 0
            ledger = edge.gateway.state.ledger
            assert ledger is not None
            await eventually(lambda: ledger.written == 1)
            await ledger.flush()
            records = await edge.gateway.state.usage.list(since=0, until=FOREVER)
            assert counter.used == sum(r.cost_nanos or 0 for r in records) > 0


async def test_a_restart_begins_where_the_ledger_ends(tmp_path: Path) -> None:
    """The counter equals the sum of the records, those of dead gateways at what they had reserved."""
    stores = {"records": f"sqlite:///{tmp_path}/records.db"}
    async with Upstream() as up:
        up.on(json_answer({**chat("ok"), **usage(100, 100)}))
        async with running(budgeted(up.url, 0.1, stores=stores)) as edge:
            for n in range(3):
                assert (await edge.chat(f"{n}", max_tokens=200)).status_code == 200
            before = (await money(edge)).used
        async with running(budgeted(up.url, 0.1, stores=stores)) as edge:
            records = await edge.gateway.state.usage.list(since=0, until=FOREVER)
            assert sum(r.cost_nanos or 0 for r in records) == before == 3 * (100 * IN + 100 * OUT)
            owner = records[0]
            unknown = msgspec.structs.replace(owner, id="dead", status="unknown", cost_nanos=60_000_000)
            await edge.gateway.state.usage.add([unknown])
            answer = await edge.chat("more", max_tokens=200)
            assert answer.status_code == 402
            assert answer.json()["error"]["message"].startswith("Monthly budget exceeded: $0.093 / $0.10.")
            assert (await edge.chat("less", max_tokens=40)).status_code == 200
            assert (await money(edge)).used == 93_000_000 + 100 * IN + 100 * OUT


async def test_warnings_are_said_once_and_told_to_the_webhook() -> None:
    """At 80 % and at the end; signed, and tried again."""
    hooks: list[Call] = []

    async def hook(call: Call) -> None:
        hooks.append(call)
        await call.answer(500 if len(hooks) == 1 else 204, b"")

    async with Upstream() as up, Upstream() as told:
        told.on(hook)
        up.on(json_answer({**chat("ok"), **usage(0, 100)}))  # 0.01 USD each
        budgets = {"webhook_url": f"{told.url}/hook", "webhook_secret": "shh-0123456789"}
        async with running(budgeted(up.url, 0.1, budgets=budgets)) as edge:
            for n in range(9):
                assert (await edge.chat(f"{n}", max_tokens=100)).status_code == 200
            await told.received(2)
            event = json.loads(hooks[1].body)
            assert (event["type"], event["spent_usd"], event["budget_usd"]) == ("budget.warning", 0.08, 0.1)
            assert event["message"] == "Approaching monthly budget: $0.08 / $0.10"
            stamp, digest = (part.partition("=")[2] for part in hooks[1].headers["x-llm-edge-signature"].split(","))
            assert hmac.new(b"shh-0123456789", stamp.encode() + b"." + hooks[1].body, hashlib.sha256).hexdigest() == digest
            assert len({json.loads(call.body)["id"] for call in hooks}) == 1
            samples = {(s.family, s.labels): s.values[0] for s in edge.gateway.metrics.snapshot()}
            assert samples["llm_edge_budget_alerts_total", ("warning", "api_key", "monthly")] == 1


async def test_a_budget_of_other_bodies_is_told_in_the_agent_gateways_words() -> None:
    """The agent gateway's text, where its clients call."""
    reading = Reading(Spend("API_KEY:k:2026-11", 100_000_000_000), 100_000_000_000)
    error = exceeded(reading, RouteInfo(name="/invoke", family="invoke"), 1, "t")
    assert (error.status, error.message) == (402, "Monthly budget exceeded. Budget: $100.00")


async def test_a_killed_gateways_call_counts_at_what_it_had_reserved(tmp_path: Path) -> None:
    """The next process knows of it before it lets anything through."""
    started = asyncio.Event()

    async def handle(call: Call) -> None:
        started.set()
        await call.until_gone()

    async with Upstream() as up:
        up.on(handle)
        provider = {"kind": "openai", "base_url": f"{up.url}/v1", "api_keys": ["sk-x"]}
        models = {"m": {"targets": [{"provider": "up", "model": "gpt-4o-mini"}]}}
        sections: dict[str, object] = {"providers": {"up": provider}, "models": models, "cache": {"enabled": False}, "prices": PRICES}
        sections["budgets"] = {"default_monthly_usd": 0.1}
        headers = {"authorization": f"Bearer {KEY}"}
        ask = chat_body("slow", model="m", max_tokens=700)
        with EdgeProcess(tmp_path / "config.yaml", **sections) as edge:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{edge.port}", headers=headers, timeout=30) as client:
                slow = asyncio.ensure_future(client.post("/v1/chat/completions", json=ask))
                await started.wait()
                edge.process.kill()
                with pytest.raises(httpx2.HTTPError):
                    await slow
        up.on(json_answer({**chat("ok"), **usage(10, 10)}))
        with EdgeProcess(tmp_path / "config.yaml", **sections) as edge:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{edge.port}", headers=headers, timeout=30) as client:
                refused = await client.post("/v1/chat/completions", json=ask | {"max_tokens": 300} | {"n": 2})
                assert refused.status_code == 402
                assert refused.json()["error"]["message"].startswith("Monthly budget exceeded: $0.07")
                assert (await client.post("/v1/chat/completions", json=ask | {"max_tokens": 100})).status_code == 200


async def test_streams_are_capped_and_settled() -> None:
    """By the usage at their end."""

    async def stream(call: Call) -> None:
        assert 256 <= call.json["max_completion_tokens"] < 600
        await call.begin_stream()
        for event in chat_stream("one ", "two "):
            await call.chunk(event)
        await call.end_stream()

    async with Upstream() as up:
        up.on(stream)
        async with running(budgeted(up.url, 0.06)) as edge:
            answers = [await edge.chat(f"{n}", stream=True) for n in range(3)]
            assert all("[DONE]" in answer.text and "x-llm-edge-max-tokens-capped" in answer.headers for answer in answers)
            assert (await money(edge)).used == 3 * (9 * IN + 3 * OUT)


@pytest.mark.parametrize(
    ("path", "statuses"), [("/v1/models", [200] * 3), ("/v1/usage", [200] * 3), ("/v1/responses/resp_unknown", [404, 404, 429])]
)
async def test_what_calls_nobody_needs_no_money(path: str, statuses: list[int]) -> None:
    """A budget has no say in it, also where nothing is left of it. Who only looks counts for no limit either; an answer that is fetched
    counts as a request, and is refused as one."""
    async with running(settings(budgets={"default_monthly_usd": 0}, limits={"default": {"rpm": 2, "input_tpm": 100}})) as edge:
        answers = [await edge.client.get(path) for _ in range(3)]
        assert [answer.status_code for answer in answers] == statuses


async def test_a_refused_request_is_recorded_with_its_model() -> None:
    """Though nobody has looked at it."""
    async with running(settings(limits={"default": {"rpm": 1}})) as edge:
        assert [(await edge.chat(f"q {n}", model="wanted")).status_code for n in range(2)] == [200, 429]
        assert edge.gateway.state.ledger is not None
        await edge.gateway.state.ledger.flush()
        sums = await edge.gateway.state.usage.sums(("model",), since=0, until=4e9)
        assert [(found.group, found.requests, found.errors) for found in sums] == [(("wanted",), 2, 1)]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_before_anything_came_pays_for_the_call(stream: bool) -> None:
    """The provider has the request. A whole answer: all that it may cost, since nobody knows; a stream: its prompt, as one that is left
    later pays for its prompt and what came. Counter and record say the same, and that it is an estimate."""
    async with Upstream() as up:
        up.on(lambda call: call.until_gone())
        async with running(budgeted(up.url, 5)) as edge:
            asking = asyncio.ensure_future(edge.chat("hello", max_tokens=40, stream=stream))
            await up.received(1)
            asking.cancel()
            await eventually(lambda: edge.gateway.state.in_flight.requests == 0)
            standing = await money(edge)
            record = await only_record(edge)
    assert (record.status, record.estimated, record.provider) == ("cancelled", True, "openai")
    assert record.cost_nanos == standing.used
    assert standing.reserved == 0
    prompt = record.input_tokens
    assert prompt == -(-len(chat_bytes(stream)) // 4)
    assert standing.used == prompt * IN if stream else standing.used > prompt * IN + 40 * OUT


@pytest.mark.parametrize("default", [None, 5])
async def test_so_does_one_whom_no_budget_concerns(default: int | None) -> None:
    """The ledger has it; reports and invoices agree."""
    async with Upstream() as up:
        up.on(lambda call: call.until_gone())
        async with running(budgeted(up.url, 5, budgets={"default_monthly_usd": default})) as edge:
            asking = asyncio.ensure_future(edge.chat("hello", max_tokens=40))
            await up.received(1)
            asking.cancel()
            await edge.idle()
            record = await only_record(edge)
    assert record.cost_nanos is not None
    assert record.cost_nanos > 40 * OUT


async def test_a_call_that_took_too_long_is_billed_all_the_same() -> None:
    """Its provider has the request: each such try counts with all that it may cost, beside the one that was answered."""
    async with Upstream() as up:
        up.script(lambda call: call.until_gone(), json_answer({**chat("ok"), **usage(10, 10)}))
        rules = {"retries": {"attempts": 2, "per_try_s": 0.2, "backoff_base_s": 0.001}}
        async with running(budgeted(up.url, 5, routing=rules)) as edge:
            assert (await edge.chat("hello", max_tokens=40)).status_code == 200
            standing, record = await money(edge), await only_record(edge)
    late, answered = record.lines
    assert (late.cost_nanos, late.estimated, late.failure, answered.cost_nanos) == (record.costs["other"], True, "timeout", 0)
    assert record.costs["other"] > 40 * OUT
    assert record.cost_nanos == standing.used == record.costs["other"] + 10 * IN + 10 * OUT
    assert standing.reserved == 0


async def test_nothing_is_tried_again_after_a_time_out_that_took_all_the_money() -> None:
    """One call was paid for."""
    async with Upstream() as up:
        up.on(lambda call: call.until_gone())
        rules = {"retries": {"attempts": 3, "per_try_s": 0.2, "backoff_base_s": 0.001}}
        async with running(budgeted(up.url, 0.05, budgets={"on_shortfall": "refuse"}, routing=rules)) as edge:
            answer = await edge.chat("hello", max_tokens=450)
            standing, record = await money(edge), await only_record(edge)
            assert len(up.calls) == 1
            assert answer.status_code in (402, 504)
            assert (await edge.chat("hello", max_tokens=450)).status_code == 402
    assert (standing.used, standing.reserved) == (record.cost_nanos, 0)
    assert 450 * OUT < standing.used < 0.05 * 1e9


def chat_bytes(stream: bool) -> bytes:
    return httpx2.Request("POST", "http://x", json=chat_body("hello", max_tokens=40, stream=stream)).content


async def only_record(edge: Running) -> UsageRecord:
    ledger = edge.gateway.state.ledger
    assert ledger is not None
    await ledger.flush()
    (record,) = await ledger.records.list(since=0, until=FOREVER)
    return record
