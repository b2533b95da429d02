"""Jobs of the load generator: what it refuses, and the bytes it sends."""

from dataclasses import replace
from itertools import islice

import pytest

from benchmarks.load.jobs import MAX_REQUESTS, MAX_S, Job, JobError, Outcome, Target

TARGET = Target(port=80, path="/p", prefix='{"a":"', suffix='"}', headers={"X": "y"}, first_number=9)
JOB = Job("closed", (TARGET,), requests=1, max_s=1.0)


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, targets=(replace(TARGET, host="192.0.2.1"),)),
        replace(JOB, targets=(TARGET, replace(TARGET, host="0.0.0.0"))),
        replace(JOB, targets=()),
        replace(JOB, requests=0),
        replace(JOB, requests=MAX_REQUESTS + 1),
        replace(JOB, max_s=MAX_S + 1),
        replace(JOB, kind="open"),
    ],
)
def test_refused(job: Job) -> None:
    """Load goes to loopback only, and has a bound in number and time."""
    with pytest.raises(JobError):
        job.check()


def test_allowed() -> None:
    """A bounded job to this machine passes, by IPv6, too."""
    JOB.check()
    replace(JOB, targets=(replace(TARGET, host="::1"),)).check()


def test_json_round_trip() -> None:
    """A job survives the pipe."""
    assert Job.from_json(JOB.to_json()) == JOB


def test_requests_differ() -> None:
    """Each request is new, and says its length."""
    first, second = islice(TARGET.requests(), 2)
    head, _, body = first.partition(b"\r\n\r\n")
    assert body == b'{"a":"0000000000000009"}'
    assert head.split(b"\r\n")[0] == b"POST /p HTTP/1.1"
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"X: y" in head
    assert second.endswith(b'0000000000000010"}')


@pytest.mark.parametrize(("distinct", "numbers"), [(1, [9, 9, 9]), (2, [9, 10, 9])])
def test_bodies_that_take_turns(distinct: int, numbers: list[int]) -> None:
    """With `distinct` bodies repeat, so that a cache can answer."""
    sent = islice(replace(TARGET, distinct=distinct).requests(), 3)
    assert [int(raw[-18:-2]) for raw in sent] == numbers


def test_outcome_counts_faults() -> None:
    """Faults are counted by what they are."""
    outcome = Outcome()
    for what in ("a", "b", "a"):
        outcome.fault(what)
    assert outcome.errors == {"a": 2, "b": 1}
    assert outcome.failed == 3
