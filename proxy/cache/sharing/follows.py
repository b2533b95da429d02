"""The calls of other processes that this one follows: what is asked of Redis for them every turn, all in one write."""

import asyncio
from collections.abc import Callable
from typing import Any

from proxy.cache.flight import Flight, Flights
from proxy.cache.sharing import wire
from proxy.cache.sharing.follow import READ_AT_ONCE, Follow
from proxy.cache.sharing.leases import LEASE_S, Leases, failed, take

INBOX_LIFE_S = 5.0
POST_AT_ONCE = 500

Callback = Callable[["asyncio.Future[Any]"], None]


class Follows:
    def __init__(self, leases: Leases, flights: Flights) -> None:
        self._leases = leases
        self._flights = flights
        self._follows: dict[str, Follow] = {}
        """By token."""
        self._gone: dict[bytes, tuple[str, float]] = {}
        """By cache key: the token of a leader that is gone, and until when its lease may stand."""
        self._unjoinable: dict[bytes, tuple[str, float]] = {}
        """The same of calls whose beginning is no longer kept."""

    def __len__(self) -> int:
        return len(self._follows)

    def replaceable(self, key: bytes) -> str:
        """The token whose lease may be taken over; "" for none."""
        return self._gone.get(key, ("",))[0]

    def add(self, key: bytes, token: str) -> Flight | None:
        """None: it cannot be joined from its beginning."""
        if token in self._follows or self._unjoinable.get(key, ("",))[0] == token:
            return None
        flight = self._flights.follow(key)
        follow = self._follows[token] = Follow(key, token, flight, self._leases.now())
        flight.on_abandoned = lambda: self._abandon(follow)
        return flight

    def turn(self) -> None:
        now = self._leases.now()
        wants: dict[str, list[bytes]] = {}
        checks: dict[str, list[Follow]] = {}
        for follow in self._follows.values():
            if follow.wants_tell(now):
                want = wire.Want(follow.key, follow.token, self._leases.process, follow.fetched)
                wants.setdefault(follow.leader, []).append(wire.encode(want))
            if follow.wants_check(now):
                checks.setdefault(follow.leader, []).append(follow)
        for leader, messages in wants.items():
            self._post(leader, messages)
        for leader, follows in checks.items():
            self._check(leader, follows)
        for follow in self._follows.values():
            if follow.wants_read():
                name = self._leases.names.stream(follow.key, follow.token)
                future = self._leases.hot.execute("XRANGE", name, str(follow.fetched + 1), "+", "COUNT", READ_AT_ONCE)
                future.add_done_callback(self._read(follow))
        for gone in (self._gone, self._unjoinable):
            for key in [key for key, (_, until) in gone.items() if until < now]:
                del gone[key]

    def shut_off(self) -> None:
        """Instead of `turn`, while Redis is not asked."""
        for follow in list(self._follows.values()):
            follow.shut_off(self._leases.now())
            self._settle(follow)

    def give_up(self) -> None:
        for follow in list(self._follows.values()):
            follow.lose()
            self._settle(follow)

    def _post(self, leader: str, messages: list[bytes]) -> None:
        for start in range(0, len(messages), POST_AT_ONCE):
            args: tuple[bytes | int, ...] = (int(INBOX_LIFE_S * 1000), *messages[start : start + POST_AT_ONCE])
            self._leases.hot.eval(wire.POST, (self._leases.names.inbox(leader),), args).add_done_callback(self._noted)

    def _noted(self, future: "asyncio.Future[Any]") -> None:
        if failed(future) and not future.cancelled():
            self._leases.refused(future.exception())

    def _check(self, leader: str, follows: list[Follow]) -> None:
        """The lease of each and the beat of their leader."""
        beat = self._leases.hot.get(self._leases.names.beat(leader))
        beat.add_done_callback(take)
        for follow in follows:
            self._leases.hot.get(self._leases.names.lease(follow.key)).add_done_callback(self._checked(follow, beat))

    def _checked(self, follow: Follow, beat: "asyncio.Future[Any]") -> Callback:
        def done(lease: "asyncio.Future[Any]") -> None:
            if not beat.done():  # at another node
                beat.add_done_callback(lambda _: done(lease))
            elif failed(lease) or failed(beat):
                follow.unchecked(self._leases.now())
                self._settle(follow)
                self._noted(lease if failed(lease) else beat)
            else:
                follow.checked(lease.result(), beat.result())

        return done

    def _read(self, follow: Follow) -> Callback:
        def done(future: "asyncio.Future[Any]") -> None:
            if failed(future):
                follow.unread(self._leases.now())
                self._settle(follow)
                self._noted(future)
            else:
                follow.read(future.result())
                self._settle(follow)

        return done

    def _settle(self, follow: Follow) -> None:
        """Once its flight has ended, nobody follows any more."""
        if not follow.over or self._follows.pop(follow.token, None) is None:
            return
        self._flights.end(follow.key, follow.flight)
        until = self._leases.now() + LEASE_S
        if follow.beginning_gone:
            self._unjoinable[follow.key] = (follow.token, until)
        elif follow.flight.lost:
            self._gone[follow.key] = (follow.token, until)

    def _abandon(self, follow: Follow) -> None:
        """The last reader here has left."""
        if self._follows.pop(follow.token, None) is None:
            return
        self._flights.end(follow.key, follow.flight)
        if self._leases.usable:
            self._post(
                follow.leader, [wire.encode(wire.Want(follow.key, follow.token, self._leases.process, follow.fetched, leaving=True))]
            )
