"""Counters in Redis, and what holds while it is gone.

    local   this process's own counters, with its share of each limit (limit ÷ processes, as last known)
    deny    503
    allow   nothing is limited

Every claim is counted here too, so that an outage does not begin with empty windows. For `GUARD_S` after an outage both must agree: Redis
may have come back empty. So whatever it has lost, a window that touches an outage lets at most twice the limit through: what Redis let
through, and once more the shares of all processes.

Money of an outage is told to Redis when it is back; a counter that Redis has lost is rebuilt from the ledger. What could not be settled
is settled then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, Literal

import msgspec

from proxy.core.claims import TAKEN, Amounts, Claim, Group, Outcome, Part, Slots, Spend, Window, of_rest
from proxy.core.errors import EdgeError, Unavailable
from proxy.storage.hot.admission import AdmissionStore, Recount
from proxy.storage.hot.admission_memory import MemoryAdmission, MemoryRules
from proxy.storage.hot.admission_redis import LEASE_S, RedisAdmission, RedisRules
from proxy.storage.hot.base import HotStore, RedisDown, RedisRefused
from proxy.storage.hot.fleet import Fleet

Loss = Literal["local", "deny", "allow"]
GUARD_S = 62.0
"""The longest window that limits have by default, and a bucket more."""
MAX_UNSETTLED = 10_000
MAX_SEEN = 100_000
"""Counters of money whose last reading is kept."""
LATELY_S = 2.0
"""What a process spends is in the ledger by then, where all others see it."""
RECOUNTS_S = (5.0, 60.0, 600.0)
"""After a counter was restored from the ledger, it is looked up there again for what came late."""
RETRY_S = 1.0
"""What a refused client is told, where nobody knows how long Redis will be gone."""

ONE = Amounts()


class GuardedRules:
    __slots__ = ("groups", "local", "money", "redis", "shares")

    def __init__(self, groups: Sequence[Group], redis: RedisRules, local: MemoryRules) -> None:
        self.groups = tuple(groups)
        self.redis = redis
        self.local = local
        self.shares: dict[tuple[int, int, bool], MemoryRules] = {}
        """The same counters with a share of each limit; by (place, places, with money)."""
        self.money = tuple((claim, group.tag) for group in groups for claim in group.claims if isinstance(claim, Spend))


class Lately:
    """What this process has spent in the last `LATELY_S` to twice as many seconds. What is left when Redis goes is divided by what each
    process knows then, and no two know the same: what others may not know of a process's own calls it takes from its own share."""

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._now: dict[tuple[str, str], int] = {}
        self._before: dict[tuple[str, str], int] = {}
        self._turned = 0.0

    def add(self, money: Sequence[tuple[Spend, str]], nanos: int) -> None:
        self._turn()
        for spend, tag in money:
            self._now[tag, spend.key] = self._now.get((tag, spend.key), 0) + nanos

    def of(self, tag: str, spend: Spend) -> int:
        self._turn()
        return self._now.get((tag, spend.key), 0) + self._before.get((tag, spend.key), 0)

    def _turn(self) -> None:
        now = self._seconds()
        if now - self._turned >= LATELY_S:
            self._before = self._now if now - self._turned < 2 * LATELY_S else {}
            self._now = {}
            self._turned = now


class GuardedAdmission:
    immediate = False

    def __init__(
        self,
        redis: RedisAdmission,
        hot: HotStore,
        local: MemoryAdmission,
        fleet: Fleet,
        *,
        on_loss: Loss = "local",
        on_money_loss: Literal["ledger", "deny", "allow"] = "ledger",
    ) -> None:
        self._redis = redis
        self._hot = hot
        self._local = local
        self.fleet = fleet
        self.on_loss: Loss = on_loss
        self.on_money_loss = on_money_loss
        self._lost = False
        self._guarded_until = 0.0
        self._here: set[str] = set()
        """Requests whose money was taken here alone."""
        self._unanswered: set[str] = set()
        """Requests of which a claim got no answer: nobody knows whether Redis has taken it, or will."""
        self._owed: dict[tuple[str, Spend, int], int] = {}
        """By the second in which the requests began, too."""
        self._recounts: list[tuple[float, Spend, str, Recount]] = []
        """When, and what."""
        self._unsettled: dict[str, tuple[RedisRules, Amounts, bool]] = {}
        self._seen: dict[tuple[str, str], int] = {}
        """By tag and counter: what Redis last said was taken of it, by anybody."""
        self._lately = Lately()

    @property
    def lost(self) -> bool:
        """The last claim did not reach Redis."""
        return self._lost

    def prepare(self, groups: Sequence[Group]) -> GuardedRules:
        return GuardedRules(groups, self._redis.prepare(groups), self._local.prepare(groups))

    def claim(self, rules: GuardedRules, request_id: str, amounts: Amounts, part: Part = "all") -> Awaitable[Outcome]:
        if self._guarded_until > monotonic() and self.on_loss == "local":
            return self._both(rules, request_id, amounts, part)
        return self._claim(rules, request_id, amounts, part, self._redis.claim(rules.redis, request_id, amounts, part))

    async def _claim(self, rules: GuardedRules, request_id: str, amounts: Amounts, part: Part, asked: Awaitable[Outcome]) -> Outcome:
        try:
            outcome = await asked
        except (RedisDown, RedisRefused) as exc:
            self._unanswered.add(request_id)
            return self._without(rules, request_id, amounts, part, exc)
        if self._lost:
            self._healed()
        if rules.money:
            self._see(rules, outcome)
        if outcome.refused is None and not outcome.missing:
            self._local.note(rules.local, request_id, amounts, part)
        elif part == "all" and outcome.refused is not None and of_rest(outcome.refused.claim):
            self._local.note(rules.local, request_id, amounts, "first")
        return outcome

    async def _both(self, rules: GuardedRules, request_id: str, amounts: Amounts, part: Part) -> Outcome:
        """Redis, unless this process's share is used up already."""
        share = self._share(rules, money=False)
        here = self._local.fits(share, amounts, part)
        refused = here.refused
        if refused is not None:
            here = msgspec.structs.replace(here, readings=self._local.read(share).readings)
            if part != "all" or not of_rest(refused.claim):
                return here
            outcome = await self._claim(rules, request_id, amounts, "first", self._redis.claim(rules.redis, request_id, amounts, "first"))
            return outcome if outcome.refused is not None else here
        return await self._claim(rules, request_id, amounts, part, self._redis.claim(rules.redis, request_id, amounts, part))

    def _without(self, rules: GuardedRules, request_id: str, amounts: Amounts, part: Part, exc: Unavailable) -> Outcome:
        """While Redis is gone. Raises Unavailable."""
        if not self._lost:
            self._lost = True
            self._local.forget_money()
        if self._hot.state != "closed" or not self._hot.connected:  # slow answers lose nothing
            self._guarded_until = monotonic() + GUARD_S
        takes_money = part != "first" and bool(rules.money)
        if self.on_loss == "deny" or (takes_money and self.on_money_loss == "deny"):
            raise Unavailable(
                "the counters of limits are not reachable, and nothing is let through without them",
                code="redis_unavailable",
                retry_after_s=RETRY_S,
            ) from exc
        with_money = takes_money and self.on_money_loss == "ledger"
        if self.on_loss == "allow":
            if not with_money:
                return TAKEN
            share = self._of_money(rules)
        else:
            share = self._share(rules, money=with_money)
        outcome = self._local.claim(share, request_id, amounts, part)
        if outcome.refused is None and not outcome.missing and with_money:
            self._here.add(request_id)
        return msgspec.structs.replace(outcome, readings=self._local.read(share).readings)

    def settle(self, rules: GuardedRules, request_id: str, used: Amounts) -> "asyncio.Future[Outcome]":
        here = self._local.settle(rules.local, request_id, used)
        if rules.money:
            self._lately.add(rules.money, used.nanos)
        late = request_id in self._unanswered
        self._unanswered.discard(request_id)
        if request_id in self._here:
            self._here.discard(request_id)
            for spend, tag in rules.money:
                at = (tag, spend, int(used.began))
                if self._lost:
                    self._owed[at] = self._owed.get(at, 0) + used.nanos
                else:  # it outlived the outage
                    self._tell(at, used.nanos)
            used = ONE  # whatever Redis took all the same goes back
        asked = self._redis.settle(rules.redis, request_id, used, late=late)
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(settled: "asyncio.Future[Outcome]") -> None:
            if settled.cancelled() or settled.exception() is not None:
                if len(self._unsettled) < MAX_UNSETTLED:
                    self._unsettled[request_id] = (rules.redis, used, late)
                result = here
            else:
                result = settled.result()
                self._see(rules, result)
            if not outcome.done():
                outcome.set_result(result if result.readings else here)

        asked.add_done_callback(done)
        return outcome

    async def restore(self, spend: Spend, tag: str, nanos: int, later: Recount | None = None) -> None:
        if self._lost:  # of what is left each process may spend its share: nobody knows what others reserve now
            seen, lately = self._seen.get((tag, spend.key), 0), self._lately.of(tag, spend)
            self._local.restore(spend, tag, nanos, seen=seen, places=self.fleet.share[1], lately=lately)
        elif not await self._redis.restore(spend, tag, nanos, later) and later is not None:
            self._recounts += [(monotonic() + after_s, spend, tag, later) for after_s in RECOUNTS_S]

    def _see(self, rules: GuardedRules, outcome: Outcome) -> None:
        """Calls that are under way elsewhere when Redis goes are in it, and in no ledger."""
        if len(self._seen) > MAX_SEEN:
            self._seen.clear()
        for spend, tag in rules.money:
            for reading in outcome.readings:
                if reading.claim is spend:
                    self._seen[tag, spend.key] = reading.used

    def standing(self, rules: GuardedRules) -> None:
        """Known from outcomes only."""

    async def read(self, rules: GuardedRules) -> Outcome:
        try:
            return await self._redis.read(rules.redis)
        except (RedisDown, RedisRefused):
            return self._local.read(self._share(rules, money=False))

    async def keep(self, request_ids: Sequence[str]) -> None:
        await self._redis.keep(request_ids)

    async def keep_on(self) -> None:
        """Renews the leases of this process's requests for as long as it lives."""
        while True:
            await asyncio.sleep(LEASE_S / 3)
            try:
                await self.keep(tuple(self._redis.leases))
            except (RedisDown, RedisRefused):
                continue
            if self._lost:
                self._healed()
            await self._recount()

    async def _recount(self) -> None:
        """What came into the ledger after a counter was restored from it: other processes deliver, and calls end, when they do."""
        due = [one for one in self._recounts if one[0] <= monotonic()]
        self._recounts = [one for one in self._recounts if one not in due]
        for at, spend, tag, later in due:
            try:
                await self._redis.recount(spend, tag, await later.ledger(), later.before)
            except EdgeError:
                self._recounts.append((at + RECOUNTS_S[0], spend, tag, later))

    def _healed(self) -> None:
        """What happened meanwhile is told in the same flush as whatever comes next."""
        self._lost = False
        owed, self._owed = self._owed, {}
        unsettled, self._unsettled = self._unsettled, {}
        for at, nanos in owed.items():
            self._tell(at, nanos)
        for request_id, (rules, used, late) in unsettled.items():
            self._redis.settle(rules, request_id, used, late=late)

    def _tell(self, at: tuple[str, Spend, int], nanos: int) -> None:
        tag, spend, began = at
        self._redis.add(spend, tag, nanos, began).add_done_callback(lambda told: self._told(told, at, nanos))

    def _told(self, told: "asyncio.Future[Any]", at: tuple[str, Spend, int], nanos: int) -> None:
        if told.cancelled() or told.exception() is not None:
            self._owed[at] = self._owed.get(at, 0) + nanos

    def _share(self, rules: GuardedRules, *, money: bool) -> MemoryRules:
        place, places = self.fleet.share
        found = rules.shares.get((place, places, money))
        if found is None:
            groups = [
                Group(group.tag, tuple(_part(c, place, places) for c in group.claims if money or not isinstance(c, Spend)))
                for group in rules.groups
            ]
            found = rules.shares[place, places, money] = self._local.prepare(groups)
        return found

    def _of_money(self, rules: GuardedRules) -> MemoryRules:
        found = rules.shares.get((0, 0, True))
        if found is None:
            groups = [Group(group.tag, tuple(c for c in group.claims if isinstance(c, Spend))) for group in rules.groups]
            found = rules.shares[0, 0, True] = self._local.prepare(groups)
        return found


def _part(claim: Claim, place: int, places: int) -> Claim:
    """Shares of whole requests: those of all places add up to the limit. What is left of money is divided when it is restored."""
    if isinstance(claim, Window | Slots):
        share, more = divmod(claim.limit, places)
        return msgspec.structs.replace(claim, limit=share + (place < more))
    return claim


_: type[AdmissionStore[GuardedRules]] = GuardedAdmission
