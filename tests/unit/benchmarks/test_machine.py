"""Facts about the machine, and which core does what."""

import pytest

from benchmarks.machine import Cores, facts, plan_cores


@pytest.mark.parametrize(
    ("available", "cores"),
    [({3}, Cores((), ())), ({0, 1}, Cores((0,), (1,))), ({2, 5, 7, 8}, Cores((2,), (5, 7)))],
)
def test_plan_cores(available: set[int], cores: Cores) -> None:
    """The system under test has a core of its own wherever there are two."""
    assert plan_cores(available) == cores


def test_describe() -> None:
    """The plan says in words what was pinned, and that one core is shared."""
    assert "not pinned" in Cores((), ()).describe()
    assert Cores((0,), (1, 2)).describe() == "system under test on core 0; load generator and upstream on 1, 2"


def test_facts() -> None:
    """A reader learns processor, cores, kernel and versions."""
    got = facts()
    assert got["cores"] >= 1
    assert got["cpu"]
    assert got["kernel"]
    assert "uvicorn" in got["packages"]
