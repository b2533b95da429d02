"""Claims of one process, taken at once: exact, since nothing else runs between looking and taking.

Lost with the process: windows and slots begin anew, which is what a single process can do; money counters are missing then and are
rebuilt from the ledger.
"""

from collections.abc import Sequence
from weakref import WeakValueDictionary

import msgspec

from proxy.core.claims import TAKEN, Amounts, Claim, Dimension, Group, Outcome, Part, Reading, Slots, Spend, Window, of_rest, taken_by
from proxy.core.clock import Clock
from proxy.storage.hot.admission import AdmissionStore, Recount
from proxy.storage.hot.rings import Bucket, Key, Money, Ring, Room

SLOT_RETRY_S = 1.0
SWEEP_AT = 10_000
"""Counters of windows kept before the idle ones are looked for; then twice as many as were left."""

KEEP_ENDED_S = 3600.0
"""A money counter after its period: requests may still be settled."""

INF = float("inf")
Kinds = tuple[int, int, int]
"""Tokens of a request: input, output, both together."""
_BY_DIMENSION: dict[Dimension, str] = {"requests": "rates", "input": "inputs", "output": "outputs", "tokens": "mixed"}


class MemoryRules:
    """Claims bound to their counters."""

    __slots__ = ("groups", "inputs", "mixed", "outputs", "rates", "rest", "rings", "slots", "spends", "tokens", "until", "windows")

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = tuple(groups)
        self.windows: tuple[tuple[Ring, Window], ...] = ()
        self.rings: tuple[Ring, ...] = ()
        self.rates: tuple[tuple[Ring, int], ...] = ()
        """Of requests, each with its limit."""
        self.inputs: tuple[tuple[Ring, int], ...] = ()
        self.outputs: tuple[tuple[Ring, int], ...] = ()
        self.mixed: tuple[tuple[Ring, int], ...] = ()
        """Of tokens, by kind."""
        self.tokens: tuple[tuple[Ring, int, int], ...] = ()
        """All of these, with limit and index in `Kinds`."""
        self.slots: tuple[tuple[Room, Slots], ...] = ()
        self.spends: tuple[tuple[Money, Spend, str], ...] = ()
        self.rest = False
        """Whether there is anything that only a call takes."""
        self.until = -INF
        """Until then no ring has to be advanced."""

    def advance(self, now: float) -> None:
        """All rings, to now."""
        until = INF
        for ring in self.rings:
            ends_at = ring.until
            if now >= ends_at:
                ring.advance(now)
                ends_at = ring.until
            if ends_at < until:
                until = ends_at
        self.until = until


class _Held(msgspec.Struct):
    """What a request has taken. Made in C, for a fifth of what a class of ours costs."""

    at: float = 0.0
    requests: int = 0
    slots: tuple[tuple[Room, Slots], ...] = ()
    called_at: float = 0.0
    reserved: Amounts | None = None
    """By its last call."""
    earlier: list[tuple[float, Amounts]] | None = None
    """By those before it."""


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
        rules.rings = tuple(dict.fromkeys(ring for ring, _ in rules.windows))
        rules.tokens = tuple(
            (ring, limit, kind) for kind, bound in enumerate((rules.inputs, rules.outputs, rules.mixed)) for ring, limit in bound
        )
        rules.rest = bool(rules.tokens or rules.spends)
        if len(self._active) + len(self._money) > self._sweep_at:
            self._sweep()
        return rules

    def claim(self, rules: MemoryRules, request_id: str, amounts: Amounts, part: Part = "all") -> Outcome:
        now = self._now()
        if now >= rules.until:
            rules.advance(now)
        if part == "rest":
            if not rules.rest:
                return TAKEN
            kinds = _kinds(amounts)
            if not self._fits(rules, kinds, amounts.nanos):
                return self._refused(rules, amounts, now, requests=False)
            self._take_rest(rules, request_id, amounts, kinds, now)
            return TAKEN
        requests = amounts.requests
        for ring, limit in rules.rates:
            if ring.total + requests > limit:
                return self._refused(rules, amounts, now)
        for room, slots in rules.slots:
            if room.taken >= slots.limit:
                return self._refused(rules, amounts, now)
        if part == "all" and rules.rest:
            kinds = _kinds(amounts)
            if self._fits(rules, kinds, amounts.nanos):
                self._take_first(rules, request_id, requests, now)
                self._take_rest(rules, request_id, amounts, kinds, now)
                return TAKEN
            outcome = self._refused(rules, amounts, now)
            if not outcome.missing:
                self._take_first(rules, request_id, requests, now)
            return outcome
        self._take_first(rules, request_id, requests, now)
        return TAKEN

    def settle(self, rules: MemoryRules, request_id: str, used: Amounts) -> Outcome:
        held = self._held.pop(request_id, None)
        if held is None:
            return TAKEN
        for room, _ in held.slots:
            room.taken -= 1
        if unused := held.requests - used.requests:
            for ring, _ in rules.rates:
                ring.give_back(held.at, unused)
        reserved = held.reserved
        if reserved is None:
            return TAKEN
        if held.earlier is not None:
            return self._settle_all(rules, [*held.earlier, (held.called_at, reserved)], used)
        if rules.tokens:
            at, left_in, left_out = held.called_at, reserved.input - used.input, reserved.output - used.output
            lefts = (left_in, left_out, left_in + left_out)
            for ring, _, kind in rules.tokens:
                left = lefts[kind]
                if left > 0:
                    if at >= ring.since:  # the usual case of `give_back`
                        ring.total -= left
                    else:
                        ring.give_back(at, left)
                elif left < 0:
                    ring.add(self._now(), -left)
        return self._pay(rules, reserved.nanos, used.nanos) if rules.spends else TAKEN

    def _settle_all(self, rules: MemoryRules, calls: list[tuple[float, Amounts]], used: Amounts) -> Outcome:
        """Of several calls: what was not used goes back to where it was taken, the latest first."""
        spent = _kinds(used)
        for ring, _, kind in rules.tokens:
            unused = sum(_kinds(amounts)[kind] for _, amounts in calls) - spent[kind]
            if unused < 0:
                ring.add(self._now(), -unused)
            for at, amounts in reversed(calls):
                back = min(unused, _kinds(amounts)[kind])
                if back <= 0:
                    break
                unused -= back
                ring.give_back(at, back)
        return self._pay(rules, sum(amounts.nanos for _, amounts in calls), used.nanos) if rules.spends else TAKEN

    def note(self, rules: MemoryRules, request_id: str, amounts: Amounts, part: Part) -> None:
        """Count what somebody else has let through."""
        now = self._now()
        rules.advance(now)
        if part != "rest":
            self._take_first(rules, request_id, amounts.requests, now)
        if part != "first" and rules.rest:
            self._take_rest(rules, request_id, amounts, _kinds(amounts), now)

    def fits(self, rules: MemoryRules, amounts: Amounts, part: Part) -> Outcome:
        """As `claim`, and nothing is taken."""
        now = self._now()
        rules.advance(now)
        claims = [(ring, window) for ring, window in rules.windows if part == "all" or of_rest(window) == (part == "rest")]
        for ring, window in claims:
            if ring.total + taken_by(window, amounts) > window.limit:
                return self._refused(rules, amounts, now, requests=part != "rest")
        if part != "rest" and any(room.taken >= slots.limit for room, slots in rules.slots):
            return self._refused(rules, amounts, now)
        return TAKEN

    def forget_money(self) -> None:
        """What was spent by others is not known any more; what is reserved here still is."""
        for money in self._money.values():
            money.known = False
            money.settled = money.others = 0

    def restore(
        self, spend: Spend, tag: str, nanos: int, later: Recount | None = None, *, seen: int = 0, places: int = 1, lately: int = 0
    ) -> None:
        """`places`: of so many processes each may spend its share of what is left, and the others' shares stand as reserved. `seen`: what
        all of them had taken when that was last known, what they had reserved among it. `lately`: what this one has spent, and others
        may not know of."""
        money = self._counter(spend, tag)
        if not money.known:
            money.known = True
            money.settled += nanos
            here = money.settled + money.reserved
            share = max(0, (spend.cap - max(here, seen)) // places - money.reserved - lately)
            money.others = max(0, spend.cap - here - share) if places > 1 else 0

    def standing(self, rules: MemoryRules) -> tuple[int, ...]:
        now = self._now()
        if now >= rules.until:
            rules.advance(now)
        found: tuple[int, ...] = ()
        if rules.rates:
            least = INF
            for ring, limit in rules.rates:
                left = limit - ring.total
                if left < least:
                    tightest, most, least = ring, limit, left
            found = (most, int(least) if least > 0 else 0, int(self._unix() + tightest.reset_s(now)) + 1)
        if rules.tokens:
            least_mixed = INF
            for ring, limit in rules.mixed:
                left = limit - ring.total
                if left < least_mixed:
                    least_mixed = left
            for rings in (rules.inputs, rules.outputs):
                least = least_mixed
                for ring, limit in rings:
                    left = limit - ring.total
                    if left < least:
                        least = left
                if least < INF:
                    found += (int(least) if least > 0 else 0,)
        return found

    def read(self, rules: MemoryRules) -> Outcome:
        now = self._now()
        rules.advance(now)
        readings: list[Reading] = []
        for ring, window in rules.windows:
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
            name = _BY_DIMENSION[claim.dimension]
            setattr(rules, name, _narrowed(getattr(rules, name), ring, claim.limit))
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

    def _fits(self, rules: MemoryRules, kinds: Kinds, nanos: int) -> bool:
        """All of `rest`, the rings being at now."""
        for ring, limit, kind in rules.tokens:
            if ring.total + kinds[kind] > limit:
                return False
        for money, spend, _ in rules.spends:
            if not money.known or (money.settled + money.reserved + money.others + nanos > spend.cap and not spend.soft):
                return False
        return True

    def _take_first(self, rules: MemoryRules, request_id: str, requests: int, now: float) -> None:
        self._held[request_id] = _Held(now, requests, rules.slots)
        for ring, _ in rules.rates:
            ring.total += requests
        for room, _ in rules.slots:
            room.taken += 1

    def _take_rest(self, rules: MemoryRules, request_id: str, amounts: Amounts, kinds: Kinds, now: float) -> None:
        held = self._held.get(request_id)
        if held is None:
            held = self._held[request_id] = _Held()
        elif held.reserved is not None:
            held.earlier = [*(held.earlier or ()), (held.called_at, held.reserved)]
        held.called_at = now
        held.reserved = amounts
        for ring, _, kind in rules.tokens:
            ring.total += kinds[kind]
        for money, _, _ in rules.spends:
            money.reserved += amounts.nanos

    def _refused(self, rules: MemoryRules, amounts: Amounts, now: float, *, requests: bool = True) -> Outcome:
        """Why, and how long until everything fits."""
        refused: Reading | None = None
        wait_s = 0.0
        for ring, window in rules.windows:
            if not requests and window.dimension == "requests":
                continue
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
        return tuple([_reading(money, spend, now) for money, spend, _ in rules.spends])

    def _pay(self, rules: MemoryRules, reserved: int, used: int) -> Outcome:
        now = self._unix()
        readings: tuple[Reading, ...] = ()
        for money, spend, _ in rules.spends:
            money.reserved -= reserved
            money.settled += used
            readings += (_reading(money, spend, now),)
        return Outcome(readings=readings)

    def _sweep(self) -> None:
        now, unix = self._now(), self._unix()
        for key in [key for key, ring in self._active.items() if ring.idle(now)]:
            del self._active[key]
        ended = [key for key, money in self._money.items() if money.ends_at is not None and money.ends_at + KEEP_ENDED_S < unix]
        for key in ended:
            del self._money[key]
        self._sweep_at = max(SWEEP_AT, 2 * len(self))


def _narrowed(bound: tuple[tuple[Ring, int], ...], ring: Ring, limit: int) -> tuple[tuple[Ring, int], ...]:
    """Windows of the same length count in one ring, and once: the narrowest holds."""
    limits = dict(bound)
    limits[ring] = min(limit, limits.get(ring, limit))
    return tuple(limits.items())


def _reading(money: Money, spend: Spend, now: float) -> Reading:
    reserved = money.reserved + money.others
    ends_at = spend.ends_at
    return Reading(spend, money.settled + reserved, 0.0 if ends_at is None or ends_at < now else ends_at - now, reserved)


def _kinds(amounts: Amounts) -> Kinds:
    taken_in, taken_out = amounts.input, amounts.output
    return taken_in, taken_out, taken_in + taken_out


_: type[AdmissionStore[MemoryRules]] = MemoryAdmission
