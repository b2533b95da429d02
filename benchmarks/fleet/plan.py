"""How long and how much: the phases of a run of the fleet bench."""

import msgspec

GATEWAYS = 3
WINDOW_S = 60.0
RECONNECT_S = 5.0
"""After Redis is back; for a gateway the outage lasts until it has connected again."""
REST_S = 63.0
"""After which no window remembers the burst."""
AFTER_REDIS_S = 65.0
"""How long a gateway that has lost Redis counts twice, and a little."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    limit: int = 1200
    """Requests a minute, of the key that all clients of the load share."""
    clients: int = 200
    overload: float = 2.0
    """Times the limit that is asked for."""
    overload_s: float = 600.0
    kill_s: float = 60.0
    """Of load around the SIGKILL: a third before it, a sixth until the restart."""
    outage_s: float = 30.0
    """Of Redis, and then of Postgres."""
    seed: int = 1

    @property
    def rate(self) -> float:
        """Of the load, a second."""
        return self.limit * self.overload / 60

    @property
    def spender_rate(self) -> float:
        """Of the key whose budget ends during the outage of Redis, a second."""
        return self.rate / 20

    @property
    def spender_s(self) -> float:
        """From the first request of the spender to the middle of the outage of Redis."""
        return self.overload_s + self.kill_s + self.outage_s * 5 / 6

    @property
    def span_s(self) -> float:
        """The whole, about."""
        return REST_S + self.overload_s + self.kill_s + 2 * self.outage_s + AFTER_REDIS_S + self.outage_s / 3 + self.outage_s + 45
