"""Candidates without a configuration."""

from typing import Any

from proxy.routing.candidate import Candidate, ModelFacts
from proxy.routing.stats import TargetStats
from proxy.routing.target import Target


def candidate(
    provider: str, model: str = "m", *, facts: ModelFacts | None = None, stats: TargetStats | None = None, **of: Any
) -> Candidate:
    """`of`: fields of its Target."""
    return Candidate(Target(provider, model, **of), facts, stats)
