"""Claims of one process, taken at once: exact, since nothing else runs between looking and taking.

Lost with the process: windows and slots begin anew, which is what a single process can do; money counters are missing then and are
rebuilt from the ledger.
"""

from collections.abc import Sequence
from weakref import WeakValueDictionary

from proxy.core.claims import Amounts, Claim, Group, Outcome, Part, Reading, Slots, Spend, Window, of_rest, taken_by
from proxy.core.clock import Clock
from proxy.storage.hot.admission import AdmissionStore
from proxy.storage.hot.rings import Bucket, Key, Money, Ring, Room

TAKEN = Outcome()
SLOT_RETRY_S = 1.0
SWEEP_AT = 10_000
"""Counters of windows kept before the idle ones are looked for; then twice as many as were left."""

KEEP_ENDED_S = 3600.0
"""A money counter after its period: requests may still be settled."""

Rings = tuple[tuple[Ring, int], ...]


class MemoryRules:
    """Claims bound to their counters."""

    __slots__ = ("groups", "input", "mixed", "output", "rates", "rest", "slots", "spends", "windows")

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = tuple(groups)
        self.windows: tuple[tuple[Ring, Window], ...] = ()
        self.rates: Rings = ()
        """Requests; each with its limit, as in the next three."""
        self.input: Rings = ()
        self.output: Rings = ()
        self.mixed: Rings = ()
        """Tokens of both kinds together."""
        self.slots: tuple[tuple[Room, Slots], ...] = ()
        self.spends: tuple[tuple[Money, Spend, str], ...] = ()
        self.rest = False
        """Whether there is anything that only a call takes."""


class _Held:
    """What a request has taken."""

    __slots__ = ("at", "requests", "rest", "slots")

    def __init__(self) -> None:
        self.at = 0.0
        self.requests = 0
        self.slots = False
        self.rest: list[tuple[float, Amounts]] = []


class MemoryAdmission:
    immediate = True

    def __init__(self, clock: Clock, *, fresh: bool = False) -> None:
        """`fresh`: money counters that were never restored begin at 0, and none is ever missing."""
        self._now = clock.monotonic
        self._unix = clock.time
        self._fresh = fresh
        self._active: dict[Key, Ring] = {}
        self._rings: WeakValueDictionary[Key, Ring] = WeakValueDictionary()
        self._rooms: WeakValueDictionary[Key, Room] = WeakValueDictionary()
        self._money: dict[Key, Money] = {}
        self._held: dict[str, _Held] = {}
        self._sweep_at = SWEEP_AT

    def prepare(self, groups: Sequence[Group]) -> MemoryRules:
        rules = MemoryRules(groups)
        for group in groups:
            for claim in group.claims:
                self._bind(rules, group.tag, claim)
        rules.rest = bool(rules.input or rules.output or rules.mixed or rules.spends)
        if len(self._active) + len(self._money) > self._sweep_at:
            self._sweep()
        return rules

    def claim(self, rules: MemoryRules, request_id: str, amounts: Amounts, part: Part = "all") -> Outcome:
        now = self._now()
        if part != "rest":
            requests = amounts.requests
            for ring, limit in rules.rates:
                index = int(now * ring.rate + ring.phase)
                if index != ring.index:
                    ring.advance(index, now)
                if ring.total + requests > limit:
                    return self._refused(rules, amounts, now)
            for room, slots in rules.slots:
                if room.taken >= slots.limit:
                    return self._refused(rules, amounts, now)
            if part == "all" and rules.rest and not self._fits(rules, amounts, now):
                outcome = self._refused(rules, amounts, now)
                if not outcome.missing:
                    self._take_first(rules, request_id, requests, now)
                return outcome
            self._take_first(rules, request_id, requests, now)
        elif not self._fits(rules, amounts, now):
            return self._refused(rules, amounts, now, requests=False)
        if part != "first" and rules.rest:
            self._take_rest(rules, request_id, amounts, now)
        return TAKEN

    def settle(self, rules: MemoryRules, request_id: str, used: Amounts) -> Outcome:
        held = self._held.pop(request_id, None)
        if held is None:
            return TAKEN
        if held.slots:
            for room, _ in rules.slots:
                room.taken -= 1
        if unused := held.requests - used.requests:
            for ring, _ in rules.rates:
                ring.give_back(held.at, unused)
        if not held.rest:
            return TAKEN
        now = self._now()
        for rings, reserved, real in (
            (rules.input, [(at, a.input) for at, a in held.rest], used.input),
            (rules.output, [(at, a.output) for at, a in held.rest], used.output),
            (rules.mixed, [(at, a.input + a.output) for at, a in held.rest], used.input + used.output),
        ):
            if rings:
                _correct(rings, reserved, real, now)
        return self._pay(rules, sum(a.nanos for _, a in held.rest), used.nanos) if rules.spends else TAKEN

    def note(self, rules: MemoryRules, request_id: str, amounts: Amounts, part: Part) -> None:
        """Count what somebody else has let through."""
        now = self._now()
        for ring, _ in rules.windows:
            ring.add(now, 0)
        if part != "rest":
            self._take_first(rules, request_id, amounts.requests, now)
        if part != "first" and rules.rest:
            self._take_rest(rules, request_id, amounts, now)

    def fits(self, rules: MemoryRules, amounts: Amounts, part: Part) -> Outcome:
        """As `claim`, and nothing is taken."""
        now = self._now()
        claims = [(ring, window) for ring, window in rules.windows if part == "all" or of_rest(window) == (part == "rest")]
        for ring, window in claims:
            ring.add(now, 0)
            if ring.total + taken_by(window, amounts) > window.limit:
                return self._refused(rules, amounts, now, requests=part != "rest")
        if part != "rest" and any(room.taken >= slots.limit for room, slots in rules.slots):
            return self._refused(rules, amounts, now)
        return TAKEN

    def forget_money(self) -> None:
        """What was spent by others is not known any more; what is reserved here still is."""
        for money in self._money.values():
            money.known = False
            money.settled = 0

    def restore(self, spend: Spend, tag: str, nanos: int) -> None:
        money = self._counter(spend, tag)
        if not money.known:
            money.known = True
            money.settled += nanos

    def standing(self, rules: MemoryRules) -> tuple[int, ...]:
        now = self._now()
        found: list[int] = []
        if rules.rates:
            tightest, least, most = None, 0.0, 0
            for ring, limit in rules.rates:
                index = int(now * ring.rate + ring.phase)
                if index != ring.index:
                    ring.advance(index, now)
                left = limit - ring.total
                if tightest is None or left < least:
                    tightest, least, most = ring, left, limit
            if tightest is not None:
                found += (most, max(0, int(least)), int(self._unix() + tightest.reset_s(now)) + 1)
        if rules.input or rules.mixed:
            found.append(_left((*rules.input, *rules.mixed), now))
        if rules.output or rules.mixed:
            found.append(_left((*rules.output, *rules.mixed), now))
        return tuple(found)

    def read(self, rules: MemoryRules) -> Outcome:
        now = self._now()
        readings: list[Reading] = []
        for ring, window in rules.windows:
            ring.add(now, 0)
            readings.append(Reading(window, int(-(-ring.total // 1)), ring.reset_s(now)))
        readings += [Reading(slots, room.taken) for room, slots in rules.slots]
        return Outcome(readings=(*readings, *self._spent(rules)), missing=self._missing(rules))

    def keep(self, request_ids: Sequence[str]) -> None:
        """Nothing: slots go with the process."""

    def __len__(self) -> int:
        """Counters kept."""
        return len(self._active) + len(self._money)

    def _bind(self, rules: MemoryRules, tag: str, claim: Claim) -> None:
        if type(claim) is Window:
            ring = self._ring(claim, tag)
            rules.windows += ((ring, claim),)
            bound = ((ring, claim.limit),)
            if claim.dimension == "requests":
                rules.rates += bound
            elif claim.dimension == "input":
                rules.input += bound
            elif claim.dimension == "output":
                rules.output += bound
            else:
                rules.mixed += bound
        elif type(claim) is Slots:
            key = (tag, claim.key)
            room = self._rooms.get(key)
            if room is None:
                room = self._rooms[key] = Room()
            rules.slots += ((room, claim),)
        elif type(claim) is Spend:
            rules.spends += ((self._counter(claim, tag), claim, tag),)

    def _ring(self, window: Window, tag: str) -> Ring:
        kind = Bucket if window.bucket else Ring
        key = (tag, window.key, window.dimension, str(window.span_s), kind.__name__)
        ring = self._rings.get(key)
        if ring is None:
            ring = self._rings[key] = kind(key, window.span_s, self._active)
        if type(ring) is Bucket:
            ring.refill = window.limit / window.span_s / ring.rate
        return ring

    def _counter(self, spend: Spend, tag: str) -> Money:
        key = (tag, spend.key)
        money = self._money.get(key)
        if money is None:
            money = self._money[key] = Money(spend.ends_at, known=self._fresh)
        return money

    def _fits(self, rules: MemoryRules, amounts: Amounts, now: float) -> bool:
        """All of `rest`; rings are at `now` afterwards if so."""
        for rings, amount in ((rules.input, amounts.input), (rules.output, amounts.output), (rules.mixed, amounts.input + amounts.output)):
            for ring, limit in rings:
                index = int(now * ring.rate + ring.phase)
                if index != ring.index:
                    ring.advance(index, now)
                if ring.total + amount > limit:
                    return False
        nanos = amounts.nanos
        for money, spend, _ in rules.spends:
            if not money.known or (not spend.soft and money.settled + money.reserved + nanos > spend.cap):
                return False
        return True

    def _take_first(self, rules: MemoryRules, request_id: str, requests: int, now: float) -> None:
        held = self._held[request_id] = _Held()
        held.at = now
        held.requests = requests
        for ring, _ in rules.rates:
            ring.total += requests
            ring.buckets[ring.at] += requests
        if rules.slots:
            held.slots = True
            for room, _ in rules.slots:
                room.taken += 1

    def _take_rest(self, rules: MemoryRules, request_id: str, amounts: Amounts, now: float) -> None:
        held = self._held.get(request_id)
        if held is None:
            held = self._held[request_id] = _Held()
        held.rest.append((now, amounts))
        for rings, amount in ((rules.input, amounts.input), (rules.output, amounts.output), (rules.mixed, amounts.input + amounts.output)):
            for ring, _ in rings:
                ring.total += amount
                ring.buckets[ring.at] += amount
        for money, _, _ in rules.spends:
            money.reserved += amounts.nanos

    def _refused(self, rules: MemoryRules, amounts: Amounts, now: float, *, requests: bool = True) -> Outcome:
        """Why, and how long until everything fits."""
        refused: Reading | None = None
        wait_s = 0.0
        for ring, window in rules.windows:
            if not requests and window.dimension == "requests":
                continue
            ring.add(now, 0)
            wants = taken_by(window, amounts)
            if ring.total + wants > window.limit:
                wait_s = max(wait_s, ring.wait_s(now, wants, window.limit))
                if refused is None or (of_rest(refused.claim) and not of_rest(window)):
                    refused = Reading(window, int(-(-ring.total // 1)), ring.reset_s(now))
        for room, slots in rules.slots if requests else ():
            if room.taken >= slots.limit:
                wait_s = max(wait_s, SLOT_RETRY_S)
                if refused is None or of_rest(refused.claim):
                    refused = Reading(slots, room.taken, SLOT_RETRY_S)
        if refused is None and (missing := self._missing(rules)):
            return Outcome(missing=missing)
        for reading in self._spent(rules):
            spend = reading.claim
            if type(spend) is Spend and not spend.soft and reading.used + amounts.nanos > spend.cap:
                wait_s = max(wait_s, reading.reset_s)
                refused = refused or reading
        return Outcome(refused, wait_s)

    def _missing(self, rules: MemoryRules) -> tuple[Spend, ...]:
        return tuple(spend for money, spend, _ in rules.spends if not money.known)

    def _spent(self, rules: MemoryRules) -> tuple[Reading, ...]:
        now = self._unix()
        return tuple(
            Reading(spend, money.settled + money.reserved, max(0.0, (spend.ends_at or now) - now), money.reserved)
            for money, spend, _ in rules.spends
        )

    def _pay(self, rules: MemoryRules, reserved: int, used: int) -> Outcome:
        for money, _, _ in rules.spends:
            money.reserved -= reserved
            money.settled += used
        return Outcome(readings=self._spent(rules))

    def _sweep(self) -> None:
        now, unix = self._now(), self._unix()
        for key in [key for key, ring in self._active.items() if ring.idle(now)]:
            del self._active[key]
        ended = [key for key, money in self._money.items() if money.ends_at is not None and money.ends_at + KEEP_ENDED_S < unix]
        for key in ended:
            del self._money[key]
        self._sweep_at = max(SWEEP_AT, 2 * len(self))


def _left(rings: Rings, now: float) -> int:
    least = None
    for ring, limit in rings:
        index = int(now * ring.rate + ring.phase)
        if index != ring.index:
            ring.advance(index, now)
        left = limit - ring.total
        if least is None or left < least:
            least = left
    return max(0, int(least or 0))


def _correct(rings: Rings, reserved: list[tuple[float, int]], used: int, now: float) -> None:
    """What was not used goes back to where it was taken, the latest first; an overrun is taken now."""
    unused = sum(amount for _, amount in reserved) - used
    if unused < 0:
        for ring, _ in rings:
            ring.add(now, -unused)
        return
    for at, amount in reversed(reserved):
        back = min(unused, amount)
        if not back:
            break
        unused -= back
        for ring, _ in rings:
            ring.give_back(at, back)


_: type[AdmissionStore[MemoryRules]] = MemoryAdmission
