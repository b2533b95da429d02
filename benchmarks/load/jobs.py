"""What the load generator is asked and what it answers, as JSON lines over a pipe."""

import ipaddress
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import count, cycle
from typing import Any, Literal

MAX_REQUESTS = 2_000_000
MAX_S = 900.0
GRACE_S = 10.0

Kind = Literal["closed", "open", "stream"]


class JobError(ValueError):
    """A job that is not to be run: another machine's address, or no bound in time or count."""


@dataclass(frozen=True)
class Target:
    """One system and the request to send it. The body is prefix + 16 digits + suffix."""

    port: int
    path: str
    prefix: str
    suffix: str
    host: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)
    first_number: int = 0
    distinct: int = 0
    """How many bodies take turns; 0: each is new."""
    marker: str = ""
    """Must stand in the answer's body."""
    length: int | None = None
    """Of the answer's body in bytes, where it must be exact."""

    def requests(self) -> Iterator[bytes]:
        """Endless. The head is made once: the body's length never changes."""
        prefix, suffix = self.prefix.encode(), self.suffix.encode()
        lines = [f"POST {self.path} HTTP/1.1", f"Host: {self.host}:{self.port}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(prefix) + 16 + len(suffix)}", "", ""]
        start = "\r\n".join(lines).encode() + prefix
        numbers: Iterator[int] = count(self.first_number)
        if self.distinct:
            numbers = cycle(range(self.first_number, self.first_number + self.distinct))
        for number in numbers:
            yield b"%s%016d%s" % (start, number, suffix)


@dataclass(frozen=True)
class Job:
    kind: Kind
    targets: tuple[Target, ...]
    """Open loop: asked in turn, so that all see the same noise. Others: the first only."""
    requests: int
    """Over all targets; streams: how many, all at once."""
    max_s: float
    """No request is sent after that; those under way have GRACE_S to end."""
    connections: int = 1
    """Closed loop: kept busy. Open loop: at most so many a target."""
    rate: float = 0.0
    """Open loop: requests a second over all targets, at exponentially distributed intervals."""
    seed: int = 1
    ramp_s: float = 0.0
    """Streams: over which their starts are spread."""

    def check(self) -> None:
        """Raises JobError."""
        for target in self.targets:
            if not ipaddress.ip_address(target.host).is_loopback:
                raise JobError(f"{target.host} is not this machine: load goes to loopback addresses only")
        if not self.targets or not 0 < self.requests <= MAX_REQUESTS or not 0 < self.max_s <= MAX_S:
            raise JobError(f"a job needs a target, 1 to {MAX_REQUESTS} requests and at most {MAX_S:.0f} s")
        if self.kind == "open" and self.rate <= 0:
            raise JobError("an open loop needs a rate")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Job":
        fields: dict[str, Any] = json.loads(line)
        return cls(**{**fields, "targets": tuple(Target(**target) for target in fields["targets"])})


@dataclass
class Outcome:
    """What one target did in a job."""

    requests: int = 0
    """Answered as they should be."""
    seconds: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)
    """What went wrong → how often."""
    latency: dict[str, float] = field(default_factory=dict)
    """p50_us, p95_us, p99_us, max_us, mean_us. Open loop: from the intended send time. Streams: time to the first token."""
    chunks: int = 0
    chunk_latency: dict[str, float] = field(default_factory=dict)
    """From the upstream's write to the client's read."""
    cut: bool = False
    """Some requests had no end within `max_s` and the grace."""

    def fault(self, what: str) -> None:
        self.errors[what] = self.errors.get(what, 0) + 1

    @property
    def failed(self) -> int:
        return sum(self.errors.values())
