"""One reload at a time, with its outcome logged, counted and answered."""

import asyncio
from pathlib import Path

import pytest

from proxy.admin.reload import Reloaded, ReloadRefused
from proxy.core.errors import Unavailable
from proxy.serving.reloading import (
    Done,
    Plan,
    ReadRefused,
    Refused,
    ReloadDoor,
    Reloader,
    decode_done,
    decode_plan,
    decode_sources,
    encode,
    refused,
)
from proxy.serving.watch import FileWatch
from proxy.settings import Problem
from proxy.settings.sources import Sources
from proxy.telemetry.metrics import Metrics

PROBLEM = Problem("unknown key", "models.x", "c.yaml:1:2")
SOURCES = Sources({"c.yaml": b"\xff", ".env": None}, ("cert.pem",))


def values(metrics: Metrics) -> tuple[float, float, float | None]:
    """Good ones, bad ones, and whether the last was good."""
    found = {(s.family, s.labels): s.values[0] for s in metrics.snapshot()}
    total = "llm_edge_config_reloads_total"
    return (
        found.get((total, ("success",)), 0.0),
        found.get((total, ("failure",)), 0.0),
        found.get(("llm_edge_config_last_reload_successful", ())),
    )


class Steps:
    def __init__(self, plan: Plan | ReloadRefused) -> None:
        self.plan = plan
        self.running = 0
        self.most = 0

    async def __call__(self) -> tuple[Plan, int]:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        if isinstance(self.plan, ReloadRefused):
            raise self.plan
        return self.plan, 3


PLAN = Plan(version="b", previous="a", changed=("models.m",), warnings=("w",), sources=SOURCES)


async def test_a_good_one(caplog: pytest.LogCaptureFixture) -> None:
    """What changed is in the answer and in the log, warnings too."""
    caplog.set_level("INFO")
    metrics = Metrics()
    done = await Reloader(Steps(PLAN), metrics).reload()
    assert done == Reloaded(version="b", previous="a", changed=("models.m",), warnings=("w",), workers=3)
    line, warning = caplog.records
    assert (line.message, line.__dict__["changed"], line.__dict__["workers"]) == ("configuration reloaded", ["models.m"], 3)
    assert warning.message == "w"
    assert values(metrics)[2] == 1.0


async def test_a_bad_one(caplog: pytest.LogCaptureFixture) -> None:
    """Counted and logged with its reason; the gauge says that the disk has something else than what is in force, until it has not."""
    metrics, steps = Metrics(), Steps(ReloadRefused(PROBLEM))
    reloader = Reloader(steps, metrics)
    with pytest.raises(ReloadRefused, match="unknown key"):
        await reloader.reload()
    await reloader.quietly()
    assert [record.__dict__["error"] for record in caplog.records] == [str(PROBLEM)] * 2
    assert values(metrics) == (0.0, 2.0, 0.0)
    steps.plan = PLAN
    await reloader.quietly()
    assert values(metrics)[1:] == (2.0, 1.0)


async def test_one_at_a_time() -> None:
    """Whoever asks: a signal, the watch, an administrator."""
    steps = Steps(PLAN)
    reloader = Reloader(steps, Metrics())
    await asyncio.gather(*(reloader.reload() for _ in range(5)))
    assert steps.most == 1


@pytest.mark.parametrize("outcome", [PLAN, ReadRefused(PROBLEM, sources=SOURCES)])
async def test_the_watch_is_told_what_was_read(tmp_path: Path, outcome: Plan | ReloadRefused) -> None:
    """Taken or refused: the same content is not tried again."""
    file = tmp_path / "c"
    file.write_text("two")
    read = Sources({str(file): b"two"})
    watch = FileWatch(Sources({str(file): b"one"}))
    plan = Plan(version="b", sources=read) if isinstance(outcome, Plan) else ReadRefused(PROBLEM, sources=read)
    await Reloader(Steps(plan), Metrics(), watch).quietly()
    assert [watch.look(), watch.look()] == [False, False]


def test_what_travels_between_processes() -> None:
    """Comes back as it was."""
    refusal = refused(ReadRefused(PROBLEM, PROBLEM, sources=SOURCES))
    assert refusal == Refused(problems=(PROBLEM, PROBLEM), sources=SOURCES)
    assert refused(ReloadRefused(PROBLEM)).sources == Sources()
    assert decode_plan(encode(PLAN)) == PLAN
    assert decode_plan(encode(refusal)) == refusal
    assert decode_sources(encode(SOURCES)) == SOURCES
    done = Done(Reloaded(version="b", previous="a"))
    assert decode_done(encode(done)) == done
    assert decode_done(encode(refusal)) == refusal


async def test_the_door() -> None:
    """Closed until the process serves."""
    door = ReloadDoor()
    with pytest.raises(Unavailable):
        await door()
    door.behind = Reloader(Steps(PLAN), Metrics()).reload
    assert (await door()).version == "b"
