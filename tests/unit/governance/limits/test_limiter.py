"""What a request takes and gives back."""

import asyncio

import pytest

from proxy.core.context import AttemptRecord, Bill
from proxy.core.entities import Limits
from proxy.core.errors import EdgeError
from proxy.core.identity import Principal
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from tests.unit.governance.limits.made import Plans, Purse, World


async def test_who_has_no_limits_takes_nothing() -> None:
    """Nor do the gateway's own requests."""
    world = World(default=Limits(rpm=1))
    for principal in (Principal(key_id="a", tenant="t", defaults=False), Principal(key_id="a", tenant="t", purpose="shadow")):
        for _ in range(3):
            ctx = await world.admitted(world.request(principal))
            assert ctx.limits is None
            assert await world.tried(ctx) is None
            world.ended(ctx)
    assert not World().limiter.anybody
    assert world.limiter.anybody


async def test_own_limits_take_the_place_of_the_default() -> None:
    """They are not added up."""
    world = World(default=Limits(rpm=1))
    own = Principal(key_id="own", tenant="t", limits=Limits(rpm=3))
    for _ in range(3):
        await world.admitted(world.request(own))
    with pytest.raises(EdgeError, match="3 requests a minute, and 3 are used"):
        await world.admitted(world.request(own))
    assert world.meter.refusals == [("api_key", "requests")]


async def test_a_refused_try_gives_the_request_back() -> None:
    """But a cached answer keeps it."""
    world = World(default=Limits(rpm=2, output_tpm=300))
    await world.tried(await world.admitted(world.request()))
    ctx = await world.admitted(world.request())
    error = await world.tried(ctx)
    assert error is not None
    assert await world.tried(ctx) is error
    ctx.error = error.code
    world.ended(ctx)
    hit = await world.admitted(world.request())
    hit.cache_status = "hit"
    world.ended(hit)
    with pytest.raises(EdgeError):
        await world.admitted(world.request())


async def test_every_try_takes_tokens_and_the_end_settles_them_all() -> None:
    """With what the provider said; a loser of two at once is counted, too."""
    world = World(default=Limits(input_tpm=1000, output_tpm=1000))
    ctx = await world.admitted(world.request(body={"model": "m", "max_tokens": 300}))
    for _ in range(2):
        assert await world.tried(ctx) is None
    assert world.headers(ctx)["x-ratelimit-remaining-output-tokens"] == "400"
    loser = AttemptRecord("p", "m", role="hedge_loser", bill=Bill(usage=Usage(input_tokens=1, output_tokens=2), cost=Cost({})))
    ctx.attempts = [loser]
    world.ended(ctx, Usage(input_tokens=10, cache_read_tokens=5, output_tokens=20))
    assert world.headers(ctx) == {
        "x-ratelimit-remaining-input-tokens": str(1000 - 16),
        "x-ratelimit-remaining-output-tokens": str(1000 - 22),
    }


async def test_a_call_inside_a_run_takes_only_tokens_and_money() -> None:
    """It counts as the run's request; the agent's own tokens are counted."""
    world = World(default=Limits(rpm=1, concurrency=1, output_tpm=500), agents={"a": Limits(output_tpm=400, rpm=1)}, budgets=Purse(100))
    run = await world.admitted(world.request())
    await world.limiter.enter(run, "a")
    for _ in range(3):
        call = await world.admitted(world.request(body={"max_tokens": 100}), inherits=run, agent="a")
        assert await world.tried(call) is None
    call = await world.admitted(world.request(body={"max_tokens": 200}), inherits=run, agent="a")
    error = await world.tried(call)
    assert error is not None
    assert "the agent may use 400 output tokens" in error.message
    with pytest.raises(EdgeError, match="this API key"):
        await world.admitted(world.request())


async def test_an_agent_has_requests_and_slots_of_its_own() -> None:
    """Taken when it is known which agent a request is for, until that ends."""
    world = World(agents={"a": Limits(concurrency=1)})
    first, second = world.request(), world.request(Principal(key_id="other", tenant="o"))
    await world.limiter.enter(first, "a")
    await world.limiter.enter(first, "unlimited")
    with pytest.raises(EdgeError, match="the agent may have 1 requests at the same time"):
        await world.limiter.enter(second, "a")
    first.settle.pop()(first)
    await world.limiter.enter(second, "a")


async def test_money_is_restored_reserved_and_settled() -> None:
    """A counter that nobody knows is asked for; its refusal is the budgets' own."""
    purse = Purse(100, spent=75)
    world = World(budgets=purse)
    for _ in range(2):
        ctx = await world.admitted(world.request())
        assert await world.tried(ctx) is None
    assert len(purse.asked) == 1
    broke = await world.admitted(world.request())
    error = await world.tried(broke)
    assert error is not None
    assert error.code == "budget_exceeded"
    world.ended(ctx, Usage(), cost=3)
    (reading,) = purse.settlements[-1]
    assert (reading.used, reading.reserved) == (75 + 3 + 10, 10)
    assert await world.tried(broke) is None


async def test_an_answer_without_a_price_keeps_what_was_reserved() -> None:
    """Nothing is cheaper for being unknown."""
    purse = Purse(100)
    world = World(budgets=purse)
    ctx = await world.admitted(world.request())
    await world.tried(ctx)
    world.ended(ctx, Usage(output_tokens=1), cost=None)
    assert purse.settlements[-1][0].used == 10


async def test_plans_are_loaded_before_they_hold() -> None:
    """A model with limits of its own counts apart."""
    plans = Plans({("USER", "*"): Limits(rpm=1), ("USER", "big"): Limits(rpm=2)})
    world = World(plans=plans)
    ann = Principal(key_id="k", tenant="t", user="ann")
    await world.admitted(world.request(ann))
    with pytest.raises(EdgeError, match="the user may use 1 requests"):
        await world.admitted(world.request(Principal(key_id="other", tenant="t", user="ann")))
    for _ in range(2):
        await world.admitted(world.request(ann, {"model": "big"}))
    with pytest.raises(EdgeError, match="2 requests"):
        await world.admitted(world.request(ann, {"model": "big"}))


async def test_waiting_ends_with_the_deadline() -> None:
    """A client that has less time than there is to wait is refused when it is over."""
    world = World(default=Limits(concurrency=1), wait_s=5.0)
    running = await world.admitted(world.request())
    hurried = world.request()
    hurried.started = asyncio.get_running_loop().time()
    hurried.headers = {b"x-llm-edge-timeout-s": b"0.05"}
    with pytest.raises(EdgeError, match="at the same time"):
        await world.admitted(hurried)
    patient = asyncio.ensure_future(world.admitted(world.request()))
    await asyncio.sleep(0.02)
    assert world.limiter.waiting == 1
    world.ended(running)
    await patient
    assert world.limiter.waiting == 0


async def test_tokens_may_be_waited_for_too() -> None:
    """Before the call, in the same order."""
    world = World(default=Limits(output_tpm=100), wait_s=0.05)
    first = await world.admitted(world.request(body={"max_tokens": 100}))
    assert await world.tried(first) is None
    second = await world.admitted(world.request(body={"max_tokens": 100}))
    error = await world.tried(second)
    assert error is not None
    assert error.status == 429


class Asked(Plans):
    """Counts how often it is looked at."""

    times = 0

    def find(self, principal: Principal) -> "Plans | None":
        self.times += 1
        return super().find(principal)


async def test_plans_that_were_looked_at_just_now_are_not_looked_for_again() -> None:
    """Those of the context hold."""
    plans = Asked({("API_KEY", "*"): Limits(rpm=1)})
    world = World(plans=plans)
    principal = Principal(key_id="k", tenant="t")
    await world.admitted(world.request(principal))
    again, before = world.request(principal), plans.times
    again.plans = plans
    with pytest.raises(EdgeError):
        await world.admitted(again)
    assert plans.times == before
