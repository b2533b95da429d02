"""How long and how much: the full plan and the quick one."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    passes: int = 3
    seconds: float = 4.0
    """Of each measurement."""
    warm_s: float = 1.0
    """Before each measurement."""
    heat_s: float = 10.0
    """Of load on each system once, before the first pass: a JIT compiler (Portkey's) takes so long to be done."""
    streams: int = 200
    chunks: int = 150
    """Of each stream."""
    interval_s: float = 0.02
    ramp_s: float = 1.0
    """Over which the streams start."""
    rates: tuple[int, ...] = (50, 500, 1500)
    """Requests a second of the open loops, to the system; the bare upstream gets the same."""
    starts: int = 5
    """Of the gateway, for its time to ready."""
    sizes: tuple[str, ...] = ("10k", "100k")
    """Prompts besides the small one."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON would have it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def quick(passes: int) -> Plan:
    """A look at everything in a minute or two; the numbers are too noisy to quote."""
    return Plan(passes=passes, seconds=1.0, warm_s=0.3, heat_s=1.0, streams=50, chunks=50, ramp_s=0.5, rates=(50, 500), starts=2)


def full(passes: int) -> Plan:
    return Plan(passes=passes)
