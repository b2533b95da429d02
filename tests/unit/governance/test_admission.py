"""Claims are taken before a request runs and settled once after it ended."""

from starlette.types import Receive, Scope, Send

from proxy.api.json_response import send_json
from proxy.core.context import SCOPE_KEY
from proxy.core.errors import BadRequest
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
