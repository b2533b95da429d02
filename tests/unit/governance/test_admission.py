"""Claims are taken before a request runs and settled once after it ended."""

from collections.abc import Awaitable

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from proxy.api.json_response import send_json
from proxy.core.context import ALLOWED, SCOPE_KEY, RequestContext, Verdict
from proxy.core.errors import BadRequest, ClientFault
from proxy.governance.admission import InFlight
from tests.unit.governance.stack_fixture import CHAT_PATH, GOOD, stack


async def test_settle_runs_once_for_every_ending() -> None:
    """Claims go back after a success, an error and a crash."""
    in_flight = InFlight()
    endings = iter([None, BadRequest("no"), ValueError("boom")])

    async def ending(scope: Scope, receive: Receive, send: Send) -> None:
        assert in_flight.requests == 1
        error = next(endings)
        if error is not None:
            raise error
        await send_json(send, 200, {})

    client, ends = stack(ending, in_flight=in_flight)
    for status in (200, 400, 500):
        assert (await client.post(CHAT_PATH, json={}, headers=GOOD)).status_code == status
        assert in_flight.requests == 0
    assert (ends.started, len(ends.done)) == (3, 3)


async def test_each_try_is_counted_and_admitted() -> None:
    """There is no limit yet."""
    in_flight = InFlight()

    async def tries(scope: Scope, receive: Receive, send: Send) -> None:
        assert [scope[SCOPE_KEY].top_up("p", "m").error for _ in range(2)] == [None, None]
        await send_json(send, 200, {})

    client, _ = stack(tries, in_flight=in_flight)
    await client.post(CHAT_PATH, json={}, headers=GOOD)
    assert (in_flight.tries, in_flight.requests) == (2, 0)


async def test_only_generation_routes_claim() -> None:
    """Probes and listings do not."""
    in_flight = InFlight()
    seen: list[int] = []

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(in_flight.requests)
        await send_json(send, 200, {})

    client, _ = stack(note, in_flight=in_flight)
    await client.get("/health")
    assert seen == [0]


class Booth:
    """Limiter and ledger in one, which write down what they are asked."""

    anybody = True

    def __init__(self, *, later: bool = False, refuse: str = "") -> None:
        self.later, self.refuse = later, refuse
        self.seen: list[str] = []

    def admit(self, ctx: RequestContext) -> Awaitable[None] | None:
        self.seen.append("admit")
        if self.refuse == "request" and not self.later:
            raise ClientFault("full", status=429, code="rate_limit_exceeded")
        return self._admit() if self.later else None

    async def _admit(self) -> None:
        if self.refuse == "request":
            raise ClientFault("full", status=429, code="rate_limit_exceeded")

    def top_up(self, ctx: RequestContext, provider: str, model: str) -> Verdict | Awaitable[Verdict]:
        self.seen.append(f"top_up {model}")
        verdict = Verdict(ClientFault("no money", status=402)) if self.refuse == model else ALLOWED
        return self._verdict(verdict) if self.later else verdict

    async def _verdict(self, verdict: Verdict) -> Verdict:
        return verdict

    def settle(self, ctx: RequestContext) -> None:
        self.seen.append("settle")

    def show(self, ctx: RequestContext) -> None:
        """Nothing."""

    def intent(self, ctx: RequestContext, provider: str, model: str) -> None:
        self.seen.append(f"intent {model}")

    def ended(self, ctx: RequestContext) -> None:
        self.seen.append("ended")


async def one_request(booth: Booth, *models: str) -> httpx2.Response:
    async def tries(scope: Scope, receive: Receive, send: Send) -> None:
        for model in models:
            verdict = scope[SCOPE_KEY].top_up("p", model)
            if not isinstance(verdict, Verdict):
                verdict = await verdict
            if verdict.error is not None:
                raise verdict.error
        await send_json(send, 200, {})

    in_flight = InFlight()
    client, _ = stack(tries, in_flight=in_flight, limiter=booth, ledger=booth)
    answer = await client.post(CHAT_PATH, json={}, headers=GOOD)
    assert in_flight.requests == 0
    return answer


@pytest.mark.parametrize("later", [False, True])
async def test_all_is_asked_in_its_order(later: bool) -> None:
    """Money before each try, then the intent; at the end what was used, and the record."""
    booth = Booth(later=later)
    assert (await one_request(booth, "a", "b")).status_code == 200
    assert booth.seen == ["admit", "top_up a", "intent a", "top_up b", "intent b", "settle", "ended"]


@pytest.mark.parametrize("later", [False, True])
async def test_a_refused_request_is_settled_and_recorded(later: bool) -> None:
    """It never gets to the pipeline."""
    booth = Booth(later=later, refuse="request")
    assert (await one_request(booth, "a")).status_code == 429
    assert booth.seen == ["admit", "settle", "ended"]


@pytest.mark.parametrize("later", [False, True])
async def test_a_refused_try_leaves_no_intent(later: bool) -> None:
    """Nothing will be spent there."""
    booth = Booth(later=later, refuse="b")
    assert (await one_request(booth, "a", "b")).status_code == 402
    assert booth.seen == ["admit", "top_up a", "intent a", "top_up b", "settle", "ended"]
