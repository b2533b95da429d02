"""Single flight across processes: a lease in Redis for each call under way, and the calls of others joined through Redis.

    claim ──ours──▶ lead: the lease is held until the call has ended (`lead`)
      │ ──another's──▶ follow: a Flight of this process, filled from the leader's stream (`follow`)
      │ ──no answer──▶ as without Redis: a call of one's own, which this process's requests share

The claim goes out in the same write as the L2 look-up. A lease says whose the call is; that its owner lives is said by one beat a
process, so that a call costs two commands however long it takes. Everything else is one turn every `poll_s` while this process leads or
follows anything: the inbox of wants, beat, leases to be renewed, streams to be read, all in one write. Only publishing awaits anything.

Loss: a command that fails is a loss of sharing, never of the call.
"""

import asyncio
from typing import Any, Literal

from proxy.cache.flight import Flight, Flights
from proxy.cache.sharing import wire
from proxy.cache.sharing.follows import Follows
from proxy.cache.sharing.leads import Leads
from proxy.cache.sharing.leases import LeaseMeter, Leases, failed
from proxy.core.clock import Clock
from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.base import HotStore, RedisRefused

ClaimState = Literal["asked", "ours", "theirs", "alone", "spent"]


class Claim:
    """One try at a lease, for all requests of this process that wait for its outcome. Each that has one must `drop` it once."""

    __slots__ = ("_shared", "_waiting", "key", "owner", "state", "token", "users")

    def __init__(self, shared: "SharedFlights", key: bytes, token: str) -> None:
        self._shared = shared
        self.key = key
        self.token = token
        self.owner = ""
        """The token that holds the lease, where it is `theirs`."""
        self.state: ClaimState = "asked"
        """`spent`: a request has acted on it, so that there is, or was, a flight here; `alone`: no answer."""
        self.users = 1
        self._waiting: asyncio.Future[None] | None = None
        """Made by who has to wait; usually the answer is in, since that of the L2 look-up behind it is."""

    async def outcome(self) -> ClaimState:
        if self.state == "asked":
            if self._waiting is None:
                self._waiting = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._waiting})
        return self.state

    def answer(self, state: ClaimState, owner: str = "") -> None:
        self.state, self.owner = state, owner
        if self._waiting is not None:
            self._waiting.set_result(None)
        if not self.users:
            self._shared.forget(self)

    def lead(self, flight: Flight) -> None:
        """Under the lease, if it is ours."""
        self._shared.lead(self, flight)

    def follow(self) -> Flight | None:
        """A new flight that follows theirs, to be found by its key; None where there is none that can be joined."""
        return self._shared.follow(self)

    def drop(self) -> None:
        self.users -= 1
        if not self.users:
            self._shared.forget(self)


class SharedFlights:
    """Everything on the event loop's thread. `poll_s`: between two turns, of which there are none while nothing is claimed, led or
    followed."""

    def __init__(
        self,
        hot: HotStore,
        flights: Flights,
        tasks: TaskSupervisor,
        clock: Clock,
        meter: LeaseMeter,
        *,
        prefix: str = "llm-edge:",
        poll_s: float = 0.02,
    ) -> None:
        self._leases = leases = Leases(hot, wire.Names(prefix), clock.monotonic, meter)
        leases.on_refused = self._give_up
        self._leads = Leads(leases, tasks, self._is_awaited)
        self._follows = Follows(leases, flights)
        self._poll_s = poll_s
        self._claims: dict[bytes, Claim] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def __len__(self) -> int:
        """Calls claimed, led or followed: for leak checks."""
        return len(self._claims) + len(self._leads) + len(self._follows)

    @property
    def process(self) -> str:
        return self._leases.process

    def claim(self, key: bytes) -> Claim | None:
        """Sends the claim, or shares one that is under way. None: no lease just now, lead alone."""
        claim = self._claims.get(key)
        if claim is not None:
            claim.users += 1
            return claim
        if self._closed or not self._leases.usable:
            return None
        lead = self._leads.get(key)
        if lead is not None and not lead.flight.done:
            return None  # a call of ours that cannot be joined from its beginning any more
        self._leases.beat()
        claim = self._claims[key] = Claim(self, key, self._leases.new_token())
        replaceable = self._follows.replaceable(key)
        if lead is not None:  # its end is still being published
            replaceable, lead.replaced = lead.token, True
        self._leases.claim(key, claim.token, replaceable).add_done_callback(lambda future: self._claimed(claim, future))
        return claim

    def lead(self, claim: Claim, flight: Flight) -> None:
        if claim.state == "ours":
            self._spend(claim)
            self._leads.add(claim.key, claim.token, flight)
            self._arm()

    def follow(self, claim: Claim) -> Flight | None:
        if claim.state != "theirs":
            return None
        if wire.process_of(claim.owner) == self.process:
            self._leases.release(claim.key, claim.owner, held=False)  # giving it back has failed before
            return None
        flight = self._follows.add(claim.key, claim.owner)
        if flight is not None:
            self._spend(claim)
            self._arm(at_once=True)
        return flight

    def forget(self, claim: Claim) -> None:
        """Nobody waits for it any more."""
        if claim.state == "asked":
            return  # its answer will see to it
        if self._claims.get(claim.key) is claim:
            del self._claims[claim.key]
        if claim.state == "ours":
            claim.state = "spent"
            self._leads.not_led(claim.token)
            self._leases.release(claim.key, claim.token)

    def ended(self, key: bytes, flight: Flight) -> None:
        """The request that led `flight` is through."""
        self._leads.ended(key, flight)

    async def close(self) -> None:
        """Give back what is held, so that nobody waits for it to end by itself."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._give_up()

    def turn(self) -> None:
        """Everything that is due, in one write."""
        self._timer = None
        if self._leases.hot.available:
            if self._leads.busy or self._claims:
                self._leads.turn()
            self._follows.turn()
            self._leases.release_late()
        else:
            self._follows.shut_off()
            self._leads.expire()
        if self._leads.busy or self._claims or len(self._follows) or self._leases.owing:
            self._arm()

    def _claimed(self, claim: Claim, future: "asyncio.Future[Any]") -> None:
        if failed(future):
            error = None if future.cancelled() else future.exception()
            if isinstance(error, RedisRefused):
                self._leases.refused(error)
            else:
                self._leases.doubtful(claim.key, claim.token)
                self._arm()
            claim.answer("alone")
        elif (held := future.result()) is None:
            claim.answer("ours")
            self._arm()  # who has asked may take a while to lead
        else:
            claim.answer("theirs", held.decode("ascii", "replace"))

    def _is_awaited(self, key: bytes, token: str) -> bool:
        claim = self._claims.get(key)
        return claim is not None and claim.token == token

    def _spend(self, claim: Claim) -> None:
        claim.state = "spent"
        if self._claims.get(claim.key) is claim:
            del self._claims[claim.key]

    def _give_up(self) -> None:
        self._leads.give_up()
        self._follows.give_up()

    def _arm(self, *, at_once: bool = False) -> None:
        if at_once and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(0 if at_once else self._poll_s, self.turn)
