"""A second target is asked while the first is silent, and whoever shows content first answers (contracts C, D).

    0 s              the first try, as always
    after_s          nothing shown yet, the budget has a hedge left, a try is left, another target may be asked and paid: the second try
    first content    that try has won: the other is cancelled, which closes its socket, and its record becomes `hedge_loser`, with
                     what it probably cost
    one fails        the other goes on alone: it is the fallback already
    both fail        the attempts go on as if they had been made one after the other

Each try is a task of its own; the request's task waits for both and, cancelled, cancels both. A try wins in one synchronous step, in
which the loser is cancelled: two texts cannot mix. Nothing of a try reaches the client, the flight's followers or the cache before it has
won. One hedge a request.

No hedge: where the answer is kept for a follow-up or is one of several choices, where the provider acts on its own (its tools, background,
conversations: what the cache never keeps), and where there is one target only.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from time import monotonic
from typing import Any, Literal, cast

from proxy.cache.flight import Flight
from proxy.cache.policy import never_shared
from proxy.core.context import Bill, RequestContext
from proxy.core.errors import EdgeError, UpstreamFault
from proxy.core.tasks import TaskSupervisor
from proxy.pipeline.asked import Asked
from proxy.pipeline.attempts import NotAdmitted, Try
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.execute import Generation
from proxy.pipeline.gates import keys_for
from proxy.pipeline.lanes import Lane
from proxy.pipeline.respond import Responder
from proxy.pipeline.settle import cost_of, estimated_usage, usage_so_far
from proxy.pipeline.streaming import StreamDrive
from proxy.pipeline.upstream import Also, Upstream
from proxy.routing.candidate import Candidate
from proxy.routing.hedge import HedgeResult, Withheld
from proxy.routing.hedge_budget import HedgeBudget
from proxy.routing.rules import HedgeRules
from proxy.transport.base import Header, UpstreamRequest, UpstreamResponse

Failure = EdgeError | NotAdmitted


class Racer(Upstream):
    """A try that may have a rival: what the request's context says of a try is kept here until it has won."""

    __slots__ = ("also", "dropped", "lane", "race", "request_id", "task")

    def __init__(self, pipe: Pipeline, asked: Asked, target: Candidate) -> None:
        super().__init__(pipe, asked, target)
        self.also: Also | None = None
        self.race: Race | None = None
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self.dropped: list[str] = []
        self.lane: Lane | None = None
        self.request_id: str | None = None

    def request(self, pipe: Pipeline, asked: Asked) -> UpstreamRequest:
        request = super().request(pipe, asked)
        self.dropped = asked.ctx.dropped
        return request

    def refused(self, ctx: RequestContext, response: UpstreamResponse) -> bool:
        ctx.provider_request_id = None
        refused = super().refused(ctx, response)
        self.request_id = ctx.provider_request_id
        return refused

    @property
    def over(self) -> bool:
        return self.task is not None and self.task.done()

    def loss(self, ctx: RequestContext, payer: Literal["caller", "gateway"]) -> Bill | None:
        """What it has cost if it is given up now: the prompt, and what it has sent so far. None: nothing was asked of the provider yet, or
        it has refused."""
        record = self.record
        if not record.sent or (record.status is not None and not 200 <= record.status < 300):
            return None
        usage = estimated_usage(len(ctx.body), 0) if self.lane is None else usage_so_far(self.lane, len(ctx.body))
        return Bill(usage=usage, cost=cost_of(self, usage, ctx.unix_started), payer=payer)


class Race:
    """The tries of one request that are under way at the same time. All methods but `over` are synchronous."""

    __slots__ = ("_before_s", "_began", "_ctx", "_flight", "_payer", "_tasks", "_until", "racers", "winner")

    def __init__(self, ctx: RequestContext, flight: Flight | None, payer: Literal["caller", "gateway"]) -> None:
        self._ctx = ctx
        self._flight = flight
        self._payer = payer
        self._began = monotonic()
        self._before_s = ctx.upstream_s
        self._tasks: set[asyncio.Task[Failure | None]] = set()
        self.racers: list[Racer] = []
        self.winner: Racer | None = None
        self._until: float | None = None
        """When one had won, or all had failed."""

    def start(self, tasks: TaskSupervisor, leg: Coroutine[Any, Any, Failure | None]) -> asyncio.Task[Failure | None]:
        task = tasks.start(leg, name="hedged-try")
        self._tasks.add(task)
        return task

    def enter(self, racer: Racer) -> None:
        """It is about to send."""
        racer.race = self
        self.racers.append(racer)
        if len(self.racers) > 1:
            racer.record.role = "hedge"
            self.show(self.racers[0])

    def show(self, racer: Racer) -> None:
        """The request's context and flight say that this try is the one."""
        ctx, flight, target = self._ctx, self._flight, racer.target
        ctx.provider, ctx.served_model, ctx.dropped = target.provider, target.model, racer.dropped
        ctx.provider_request_id = racer.request_id
        if flight is not None:
            flight.provider, flight.model, flight.dropped = target.provider, target.model, racer.dropped or None

    def ready(self, racer: Racer) -> list[tuple[Racer, Bill | None]]:
        """It has an answer, which is about to be looked at: its cost holds what its rivals have cost. Returns those. Whoever comes too late
        is cancelled, as it would have been at its next wait."""
        if self.winner is not None:
            raise asyncio.CancelledError
        self.show(racer)
        rivals = [(other, other.loss(self._ctx, self._payer)) for other in self.racers if other is not racer and not other.over]
        racer.also = None
        for _, bill in rivals:
            if bill is not None and self._payer == "caller":
                racer.also = Also(bill.cost)  # there is one rival at most
        return rivals

    def won(self, racer: Racer) -> None:
        """Its answer is the request's."""
        rivals = self.ready(racer)
        self.winner = racer
        self._waited()
        for other, bill in rivals:
            other.record.role, other.record.bill = "hedge_loser", bill
        for task in self._tasks:
            if task is not racer.task:
                task.cancel()

    async def over(self) -> None:
        """Nobody is left behind: those still under way are cancelled, and have closed their sockets when this returns."""
        left = {task for task in self._tasks if not task.done()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        self._waited()

    def _waited(self) -> None:
        """Tries at the same time have each added their wait: the request's is until the first that won, or the last that failed."""
        if len(self.racers) > 1:
            if self._until is None:
                self._until = monotonic()
            self._ctx.upstream_s = self._before_s + self._until - self._began


class RacedDrive(StreamDrive):
    """Tells the race of the first content, before anybody sees it."""

    async def _first(self) -> bytes:
        held = await super()._first()
        racer = cast("Racer", self._upstream)
        if racer.race is not None:
            racer.race.won(racer)
        return held


class HedgedGeneration(Generation):
    """`race`: of the try under way, where it may get a rival."""

    __slots__ = ("_budget", "_hedge", "_may", "race")
    upstream = Racer
    drive = RacedDrive

    def __init__(self, pipe: Pipeline, asked: Asked, out: Responder) -> None:
        super().__init__(pipe, asked, out)
        self.race: Race | None = None
        hedge = asked.route.rules.hedge
        self._hedge: HedgeRules = hedge or HedgeRules(share=0.0)
        self._may = hedge is not None and may_hedge(asked, hedge)
        self._budget: HedgeBudget = pipe.hedges.budget(asked.route.name, self._hedge.share)

    async def _call(self) -> None:
        if self._may:
            self._budget.request()
        await super()._call()

    async def _try(self, step: Try) -> None:
        after_s = self._after_s(step.target)
        if after_s is None:
            self.race = None
            await super()._try(step)
            return
        self.race = race = Race(self.ctx, self.flight, self._hedge.bill)
        tries = [(step.target, self._started(race, step))]
        try:
            _, slow = await asyncio.wait([tries[0][1]], timeout=after_s)
            if slow and race.winner is None and (second := self._second()) is not None:
                tries.append((second.target, self._started(race, second)))
            await asyncio.wait([task for _, task in tries])
        finally:
            await race.over()
            if len(tries) > 1:
                self._noted(race, tries[1][1])
        self._outcome(race, tries)

    def _tried(self, step: Try) -> Candidate:
        """A stream that had won may be the hedge's."""
        race = self.race
        return step.target if race is None or race.winner is None else race.winner.target

    def _started(self, race: Race, step: Try) -> asyncio.Task[Failure | None]:
        """A task of its own, which gives the step's place back when it ends, also before it has begun."""
        task = race.start(self.pipe.tasks, self._leg(step))
        if (place := step.place) is not None:
            task.add_done_callback(lambda _: place.leave())
        return task

    def _after_s(self, target: Candidate) -> float | None:
        """How long the first may be silent; None: for as long as it likes."""
        if not self._may:
            return None
        after_s = self._hedge.after_s
        if after_s is not None:
            return after_s
        return target.stats.first_token_p95() if self.asked.stream else self.pipe.hedges.waits(target.id).p95()

    def _second(self) -> Try | None:
        """The hedge, its try, budget and place taken; None: there is to be none, and why is counted."""
        why: Withheld = "no_target"
        if self.attempts.left <= 0:
            why = "attempts"
        elif not self._budget.take():
            why = "budget"
        elif (target := self.attempts.spare(now := monotonic())) is None:
            self._budget.give_back()
        elif target.gate is None:
            self._may = False
            return Try(target)
        elif (place := target.gate.enter(now, keys_for(self.pipe, self.asked, target))) is not None:
            self._may = False
            return Try(target, place=place)
        else:
            self.attempts.left += 1
            self.attempts.put_back([target])
            self._budget.give_back()
        self.pipe.meter.hedge_withheld(self.asked.route.name, why)
        return None

    async def _leg(self, step: Try) -> Failure | None:
        """One of the tries. What it failed with, if it did."""
        try:
            await super()._try(step)
        except (EdgeError, NotAdmitted) as exc:
            return exc
        return None

    def _begin(self, step: Try) -> Upstream:
        racer = super()._begin(step)
        if self.race is not None:
            self.race.enter(cast("Racer", racer))
        return racer

    def _lane(self, upstream: Upstream) -> Lane:
        lane = cast("Racer", upstream).lane = super()._lane(upstream)
        return lane

    def _whole(self, upstream: Upstream, raw: bytes, headers: Sequence[Header]) -> bytes:
        racer = cast("Racer", upstream)
        if racer.race is not None:
            racer.race.ready(racer)
        answer = super()._whole(upstream, raw, headers)
        if racer.race is not None:
            racer.race.won(racer)
        self.pipe.hedges.waits(racer.target.id).add(monotonic() - racer.sent_at)
        return answer

    def _noted(self, race: Race, second: asyncio.Task[Failure | None]) -> None:
        """How the hedge ended, for the metrics. What was refused before it was sent was no try."""
        entry, error = self.asked.route.name, _error_of(second)
        if len(race.racers) < 2 or (error is not None and not isinstance(error, UpstreamFault)):
            self.attempts.left += 1
            self._budget.give_back()
            if error is not None:
                self.pipe.meter.hedge_withheld(entry, "refused")
            return
        result: HedgeResult = "cancelled" if race.winner is None else "lost"
        if error is not None:
            result = "failed"
        elif race.winner is not None and race.winner.task is second:
            result = "won"
            first = race.racers[0]
            if first.record.role == "hedge_loser":
                self._outwaited(first)
        self.pipe.meter.hedged(entry, result)

    def _outwaited(self, racer: Racer) -> None:
        """It would have taken longer still: without this the p95 would sink from hedge to hedge."""
        waited_s, stream = racer.record.duration_s, self.asked.stream
        self.pipe.health.outwaited(racer.target.stats, monotonic(), waited_s, stream=stream)
        if not stream:
            self.pipe.hedges.waits(racer.target.id).add(waited_s)

    def _outcome(self, race: Race, tries: Sequence[tuple[Candidate, asyncio.Task[Failure | None]]]) -> None:
        """Returns when the answer is out. Raises what the first failed with; the hedge's failure, if any, is reported before."""
        if race.winner is not None and race.winner.task is not None:
            if (error := race.winner.task.result()) is not None:
                raise error
            return
        if race.racers:
            race.show(race.racers[0])
        for target, task in reversed(tries):
            error = task.result()
            if task is tries[0][1] and error is not None:
                raise error
            if isinstance(error, UpstreamFault):
                self.attempts.failed(target, error, monotonic())


def may_hedge(asked: Asked, rules: HedgeRules) -> bool:
    """Whether a second call of the same request could answer as well, and does no harm."""
    if rules.streams_only and not asked.stream:
        return False
    if len(asked.route.targets) < 2 or asked.keeping is not None:
        return False
    return _has_one_choice(asked.body) and never_shared(asked.body, asked.codec.name) is None


def _has_one_choice(body: dict[str, Any]) -> bool:
    config = body.get("generationConfig")
    several = config.get("candidateCount") if isinstance(config, dict) else None
    return all(number in (None, 1) for number in (body.get("n"), body.get("best_of"), several))


def _error_of(task: asyncio.Task[Failure | None]) -> Failure | None:
    return None if task.cancelled() or task.exception() is not None else task.result()
