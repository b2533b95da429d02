"""Who has been doing how: the statistics of every target, told of each try's beginning and end.

    outcome     breaker    otherwise
    ok          success    latency, speed, success rate
    failed      failure    success rate
    throttled   -          barred until the time that it named; without one it is away for 1, 2, 4 … 30 s
    refused     -          away for a minute: whether others go first, not whether it may be used
    client      -          -
    cancelled   -          -

A breaker counts per process. What opens, closes or rests is told to the listeners; what other processes say comes in by `heard_*`,
and is told on as such.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import msgspec

from proxy.core.cooldown import Cooldowns
from proxy.routing.breaker import BreakerRules
from proxy.routing.gate import Gate, GateRules
from proxy.routing.key_rooms import KeyRooms
from proxy.routing.room import Bounds
from proxy.routing.stats import TargetStats

Outcome = Literal["ok", "failed", "throttled", "refused", "client", "cancelled"]
"""ok · failed: the target's fault, it counts for the breaker · throttled: 429 and overload · refused: credential or quota · client: the
request's own fault · cancelled: nobody's."""

QUOTA = "quota nearly used up"
THROTTLED = "throttled"
REFUSED = "refused by its provider"

THROTTLED_S = 1.0
THROTTLED_MAX_S = 30.0
REFUSED_S = 60.0
"""A key that was put right should count again without a restart."""
COOL_MAX_S = 86_400.0
"""No provider's word keeps a target away for longer than a day."""
MAX_TARGETS = 4096
"""Names that no entry lists are targets as well, and clients choose them: beyond so many, those with nothing the matter are forgotten."""


class HealthRules(msgspec.Struct, frozen=True, kw_only=True):
    breaker: BreakerRules = BreakerRules()
    slow_start_s: float = 0.0
    quota_reserve: float = 0.02


class Listener(Protocol):
    """`ours`: found out by this process, not heard from another."""

    def breaker_changed(self, stats: TargetStats, now: float, *, ours: bool) -> None: ...

    def barred(self, stats: TargetStats, now: float, *, ours: bool) -> None:
        """It cools down for longer than was known."""
        ...

    def away(self, stats: TargetStats, now: float, *, ours: bool) -> None: ...

    def key_rests(self, scope: str, account: str, until: float, now: float) -> None:
        """As `HealthBook.rest_key`; only what this process found out."""
        ...


class HealthBook:
    """Times are monotonic seconds."""

    def __init__(self, rules: HealthRules | None = None) -> None:
        self.rules = rules or HealthRules()
        self.listeners: list[Listener] = []
        self._stats: dict[str, TargetStats] = {}
        self._gates: dict[str, Gate] = {}
        self._key_rooms: dict[str, KeyRooms] = {}
        self._key_rests: dict[str, Cooldowns] = {}

    def configure(self, rules: HealthRules, now: float) -> None:
        self.rules = rules
        if not rules.breaker.enabled:
            for stats in self._stats.values():
                if stats.breaker.close(now):
                    self._breaker_changed(stats, now, ours=False)  # a setting, which the others have of their own

    def stats(self, target_id: str) -> TargetStats:
        """Of a target, for as long as the process lives: reloads do not forget."""
        stats = self._stats.get(target_id)
        if stats is None:
            if len(self._stats) >= MAX_TARGETS:
                self._stats = {name: s for name, s in self._stats.items() if s.blocked or s.in_flight}
            stats = self._stats[target_id] = TargetStats(target_id)
        return stats

    def gate(self, target_id: str, rules: GateRules | None, keys: KeyRooms | None = None) -> Gate | None:
        """Of a target, shared by all entries that have it; the rules that were given last hold. `keys`: of its provider, where they are
        bounded. None: neither is."""
        if rules is None or (keys is None and not rules.bind):
            return None if keys is None else Gate(GateRules(), keys)  # it has nothing to share but the keys
        gate = self._gates.get(target_id)
        if gate is None:
            gate = self._gates[target_id] = Gate(rules)
        gate.rules, gate.keys = rules, keys
        return gate

    def keys(self, provider: str, bounds: Bounds | None, accounts: Sequence[str]) -> KeyRooms | None:
        """Of a provider's keys, for as long as the process lives; the bounds that were given last hold. None: they are not bounded."""
        rooms = self._key_rooms.get(provider)
        if rooms is not None:
            rooms.configure(bounds or Bounds(), accounts)
        elif bounds is not None:
            rooms = self._key_rooms[provider] = KeyRooms(bounds, accounts)
        return None if bounds is None else rooms

    def key_calls(self, provider: str) -> dict[str, int]:
        """Under way with each of its keys, by fingerprint; empty where they are not bounded."""
        rooms = self._key_rooms.get(provider)
        return {} if rooms is None else rooms.calls()

    def find(self, target_id: str) -> TargetStats | None:
        return self._stats.get(target_id)

    def all(self) -> Iterator[TargetStats]:
        return iter(list(self._stats.values()))

    def started(self, stats: TargetStats, now: float) -> int:
        """What `ended` is to be told: the ticket of a breaker's probe, else 0. To be called without a pause after `barred` was asked, or
        two would be let through as one probe."""
        stats.in_flight += 1
        return stats.breaker.begun(now) if stats.blocked else 0

    def answered(self, stats: TargetStats, now: float, began: float, ticket: int) -> None:
        """The first token of a stream that is a probe is there: that is success enough, and the ticket is used up."""
        if stats.breaker.succeeded(now, began, self.rules.breaker, ticket):
            self._recovered(stats, now)

    def ended(
        self,
        stats: TargetStats,
        now: float,
        outcome: Outcome,
        *,
        began: float | None = None,
        ticket: int = 0,
        first_token_s: float | None = None,
        output_tokens: int = 0,
        timed: bool = True,
        retry_after_s: float | None = None,
    ) -> None:
        """Once for each `started`. `began`: None: now. `first_token_s`: streams only. `timed`: its duration is like others'."""
        if began is None:
            began = now
        if outcome == "ok":
            self.went_well(stats, now, began, ticket, first_token_s, output_tokens, timed=timed)
        else:
            stats.in_flight -= 1
            self._not_ok(stats, now, outcome, began, ticket, retry_after_s)

    def went_well(
        self,
        stats: TargetStats,
        now: float,
        began: float,
        ticket: int,
        first_token_s: float | None,
        output_tokens: int,
        *,
        timed: bool = True,
    ) -> None:
        """`ended` with the outcome that nearly all have."""
        stats.in_flight -= 1
        breaker = stats.breaker
        if (breaker.failures or ticket) and breaker.succeeded(now, began, self.rules.breaker, ticket):
            self._recovered(stats, now)
        stats.throttled = 0
        if stats.fallible:
            stats.counted(now, success=True)
        if timed:
            took = now - began
            if first_token_s is None:
                stats.whole.observe(now, took)
            else:
                stats.first_token.observe(now, first_token_s)
                stats.recent.add(first_token_s)
                took -= first_token_s
            if output_tokens:
                stats.spoke(output_tokens, took)

    def outwaited(self, stats: TargetStats, now: float, waited_s: float, *, stream: bool) -> None:
        """A try was given up for another's answer before it had shown anything: it would have taken longer still."""
        if stream:
            stats.first_token.observe(now, waited_s)
            stats.recent.add(waited_s)
        else:
            stats.whole.observe(now, waited_s)

    def _not_ok(self, stats: TargetStats, now: float, outcome: Outcome, began: float, ticket: int, retry_after_s: float | None) -> None:
        breaker = stats.breaker
        if outcome == "failed":
            stats.counted(now, success=False)
            if breaker.failed(now, began, self.rules.breaker, ticket):
                stats.blocked = True
                self._breaker_changed(stats, now)
        else:
            breaker.released(ticket)
        if outcome in ("client", "cancelled"):
            return
        if retry_after_s is not None and retry_after_s > 0:
            self.cool(stats, now + min(retry_after_s, COOL_MAX_S), now)
        elif outcome == "throttled":
            self.away(stats, now + min(THROTTLED_MAX_S, THROTTLED_S * 2 ** min(stats.throttled, 10)), THROTTLED, now)
            stats.throttled += 1
        elif outcome == "refused":
            self.away(stats, now + REFUSED_S, REFUSED, now)

    def probed(self, stats: TargetStats, now: float, outcome: Outcome) -> None:
        """By an active probe that had no ticket, because its breaker was open: its success counts, its failure begins the wait anew."""
        if outcome == "ok":
            if stats.breaker.proved(now, self.rules.breaker):
                self._recovered(stats, now)
        elif outcome == "failed" and stats.breaker.state != "closed" and stats.breaker.open_until(now + self.rules.breaker.open_s, now):
            self._breaker_changed(stats, now)

    def cool(self, stats: TargetStats, until: float, now: float, *, ours: bool = True) -> bool:
        """Nobody is sent there before. A shorter wish never shortens an earlier one (contract C): False."""
        if until <= stats.cool_until or until <= now:
            return False
        stats.cool_until = until
        stats.blocked = True
        for listener in self.listeners:
            listener.barred(stats, now, ours=ours)
        return True

    def away(self, stats: TargetStats, until: float, why: str, now: float, *, ours: bool = True) -> bool:
        """Others go first until then. Only ever lengthened."""
        if until <= stats.away_until or until <= now:
            return False
        stats.away_until, stats.away_why = until, why
        stats.blocked = True
        for listener in self.listeners:
            listener.away(stats, now, ours=ours)
        return True

    def rest_key(self, scope: str, account: str, until: float, now: float, *, ours: bool = True) -> None:
        """A member of a key pool is not to be used before. `scope`: a target's id, or a provider's name for all its models. `account`: the
        key's fingerprint."""
        rests = self._key_rests.get(scope)
        if rests is None:
            if len(self._key_rests) >= MAX_TARGETS:
                self._key_rests.clear()
            rests = self._key_rests[scope] = Cooldowns()
        if until <= max(now, rests.until(account, now)):
            return
        rests.extend(account, until)
        if ours:
            for listener in self.listeners:
                listener.key_rests(scope, account, until, now)

    def key_rests(self, *scopes: str) -> list[Cooldowns]:
        """As `KeyPool.choose` takes them; mostly empty."""
        if not self._key_rests:
            return []
        return [rests for scope in scopes if (rests := self._key_rests.get(scope)) is not None and rests.pending]

    def drain(self, stats: TargetStats, drained: bool, now: float) -> None:
        """By an operator: no new request is sent there, those under way go on. Its end is a recovery."""
        if drained == stats.drained:
            return
        stats.drained = drained
        if drained:
            stats.blocked = True
        else:
            self._ramp(stats, now)

    def heard_open(self, stats: TargetStats, until: float, now: float) -> None:
        """Another process found it down."""
        if self.rules.breaker.enabled and until > now:
            changed = stats.breaker.open_until(until, now)
            stats.blocked = True
            if changed:
                self._breaker_changed(stats, now, ours=False)

    def heard_closed(self, stats: TargetStats, at: float, now: float) -> None:
        """Another process's probes were answered, at `at`."""
        if stats.breaker.since < at and stats.breaker.close(now):
            self._ramp(stats, now)
            self._breaker_changed(stats, now, ours=False)

    def _recovered(self, stats: TargetStats, now: float) -> None:
        self._ramp(stats, now)
        self._breaker_changed(stats, now)

    def _ramp(self, stats: TargetStats, now: float) -> None:
        stats.ramp_from, stats.ramp_s = now, self.rules.slow_start_s

    def _breaker_changed(self, stats: TargetStats, now: float, *, ours: bool = True) -> None:
        for listener in self.listeners:
            listener.breaker_changed(stats, now, ours=ours)
