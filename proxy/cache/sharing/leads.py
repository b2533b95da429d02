"""The calls that this process makes under a lease, and what other processes want of them.

Wants come into one inbox a process, which is looked into every turn: one small command, however many calls there are.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from proxy.cache.flight import Flight
from proxy.cache.sharing import wire
from proxy.cache.sharing.lead import STREAM_LIFE_S, Lead
from proxy.cache.sharing.leases import Leases, failed, take
from proxy.core.tasks import TaskSupervisor

RENEW_S = 3.0
LINGER_S = 1.0
"""After the last call: wants may still come for one that has just ended, and are told so."""
KEPT_S = 0.2
"""A want may be under way when the call ends: its outcome is kept for so long, to be published all the same."""
INBOX_AT_ONCE = 500


class Leads:
    """`awaited(key, token)`: that call is not led yet, but is about to be."""

    def __init__(self, leases: Leases, tasks: TaskSupervisor, awaited: Callable[[bytes, str], bool]) -> None:
        self._leases = leases
        self._tasks = tasks
        self._leads: dict[bytes, Lead] = {}
        self._renewals: dict[Lead, None] = {}
        """The one that is due first comes first."""
        self._ended: dict[str, tuple[Lead, float]] = {}
        """By token: calls that nobody has wanted yet, and until when they are kept."""
        self._wanted: set[Lead] = set()
        self._awaited = awaited
        self._early: dict[str, list[wire.Want]] = {}
        """Of such calls, by token."""
        self._linger_until = float("-inf")
        self._asked = False

    def __len__(self) -> int:
        return len(self._leads)

    @property
    def busy(self) -> bool:
        """Wants may come."""
        return bool(self._leads) or self._leases.now() < self._linger_until

    def get(self, key: bytes) -> Lead | None:
        return self._leads.get(key)

    def add(self, key: bytes, token: str, flight: Flight) -> None:
        leases, before = self._leases, self._leads.get(key)
        if before is not None and not before.publishing:
            self.over(before)  # its request is not through, but nobody can join it any more
        lead = Lead(key, token, flight, leases.hot, leases.names.stream(key, token), self.over, leases.now())
        self._leads[key] = lead
        self._renewals[lead] = None
        for want in self._early.pop(token, ()):
            self._hear(want)

    def not_led(self, token: str) -> None:
        """A call that was about to be is not made."""
        self._early.pop(token, None)

    def ended(self, key: bytes, flight: Flight) -> None:
        """The request that led `flight` is through. What is still being published ends by itself."""
        lead = self._leads.get(key)
        if lead is not None and lead.flight is flight and not lead.publishing:
            self.over(lead)

    def over(self, lead: Lead) -> None:
        """The call has ended, or cannot be published: the lease goes back. It may go on for this process's own requests."""
        self._ended.pop(lead.token, None)
        self._wanted.discard(lead)
        if lead.over:
            return
        lead.over = True
        lead.stop()
        if self._leads.get(lead.key) is lead:
            del self._leads[lead.key]
        self._renewals.pop(lead, None)
        now = self._leases.now()
        self._linger_until = now + LINGER_S
        if lead.flight.done and not lead.told:
            self._ended[lead.token] = (lead, now + KEPT_S)
        self._leases.release(lead.key, lead.token, held=not lead.replaced)

    def give_up(self) -> None:
        for lead in list(self._leads.values()):
            self.over(lead)

    def turn(self) -> None:
        """Only while `busy`."""
        self._leases.beat()
        if not self._asked:
            self._asked = True
            inbox = self._leases.names.inbox(self._leases.process)
            self._leases.hot.execute("LPOP", inbox, INBOX_AT_ONCE).add_done_callback(self._inbox)
        self._renew()
        now = self._leases.now()
        while self._ended and (ended := next(iter(self._ended.values())))[1] < now and not ended[0].publishing:
            del self._ended[ended[0].token]

    def expire(self) -> None:
        """Drops followers that went without a word. To be called after the inbox has been heard, or cannot be, so that a loop that was
        held up finds nobody missing."""
        now = self._leases.now()
        for lead in list(self._wanted):
            lead.expire(now)
            if not lead.wanted:
                self._wanted.discard(lead)

    def _inbox(self, future: "asyncio.Future[Any]") -> None:
        self._asked = False
        if failed(future):
            self._leases.refused(None if future.cancelled() else future.exception())
        else:
            for message in future.result() or ():
                want = wire.decode_want(message)
                if want is not None:
                    self._hear(want)
        self.expire()

    def _hear(self, want: wire.Want) -> None:
        lead = self._leads.get(want.key)
        if lead is None or lead.token != want.token:
            lead = self._ended.get(want.token, (None,))[0]
        if lead is None and self._awaited(want.key, want.token):
            self._early.setdefault(want.token, []).append(want)
        elif lead is None:
            if not want.leaving and wire.process_of(want.token) == self._leases.process:
                self._leases.release(want.key, want.token, held=False)  # by which the follower knows
        elif want.leaving:
            lead.leave(want.follower)
        else:
            self._wanted.add(lead)
            lead.want(want.follower, want.fetched, self._leases.now(), self._tasks)

    def _renew(self) -> None:
        now = self._leases.now()
        while self._renewals and now - (lead := next(iter(self._renewals))).renewed_at >= RENEW_S:
            lead.renewed_at = now
            del self._renewals[lead]
            self._renewals[lead] = None
            self._leases.claim(lead.key, lead.token, lead.token).add_done_callback(self._renewed(lead))
            if lead.published:
                stream = self._leases.names.stream(lead.key, lead.token)
                self._leases.hot.execute("PEXPIRE", stream, int(STREAM_LIFE_S * 1000)).add_done_callback(take)

    def _renewed(self, lead: Lead) -> Callable[["asyncio.Future[Any]"], None]:
        def done(future: "asyncio.Future[Any]") -> None:
            if not failed(future) and future.result() is not None and not lead.over:
                lead.replaced = True
                self._leases.lost()
                self.over(lead)

        return done
