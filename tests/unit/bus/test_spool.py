"""A spool gives back what it was told, whatever becomes of its writer or its disk."""

import os
from pathlib import Path
from typing import cast

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.bus.spool import MAX_RECENT, Orphan, Position, Spool, orphans, read_from


def died(spool: Spool) -> None:
    """As after `kill -9`: the lock is gone, the folder is not."""
    os.close(cast("int", spool._lock))
    spool._lock = None


def test_what_has_ended_is_read_in_order(tmp_path: Path) -> None:
    """Intents are not delivered; what was delivered is not read again."""
    spool = Spool(tmp_path)
    spool.begin("1", b"intent")
    spool.end("1", b"one")
    spool.end("2", b"two")
    behind = [spool.behind]
    batch = spool.read(1)
    assert batch.payloads == [b"one"]
    spool.delivered(batch.until)
    batch = spool.read()
    assert batch.payloads == [b"two"]
    spool.delivered(batch.until)
    assert [*behind, spool.behind] == [True, False]
    assert spool.close() == 0
    assert list(tmp_path.iterdir()) == []


def test_the_backlog_is_what_was_not_delivered(tmp_path: Path) -> None:
    """Over segments; in bytes, so that nothing need be read."""
    spool = Spool(tmp_path, segment_bytes=300)
    assert spool.backlog_bytes == 0
    for number in range(10):
        spool.end(str(number), b"x" * 100)
    on_disk = sum(file.stat().st_size for file in spool.folder.glob("*.log"))
    assert spool.backlog_bytes == on_disk > 1000
    batch = spool.read(4)
    spool.delivered(batch.until)
    assert on_disk * 0.5 < spool.backlog_bytes < on_disk * 0.7
    while (batch := spool.read()).payloads:
        spool.delivered(batch.until)
    assert spool.backlog_bytes == 0
    assert spool.close() == 0


def test_what_is_owed_at_the_end_stays(tmp_path: Path) -> None:
    """And its number is said: undelivered records and open intents."""
    spool = Spool(tmp_path)
    spool.begin("1", b"intent")
    spool.end("2", b"two")
    assert spool.close() == 2
    assert spool.close() == 0
    (orphan,) = orphans(tmp_path)
    assert orphan.read().payloads == [b"two"]
    assert orphan.begun() == [b"intent"]
    orphan.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    """Nobody else gets its lock; an orphan is adopted by one."""
    spool = Spool(tmp_path)
    spool.end("1", b"one")
    assert len(orphans(tmp_path)) == 0
    died(spool)
    (orphan,) = orphans(tmp_path)
    assert len(orphans(tmp_path)) == 0
    orphan.close()
    (again,) = orphans(tmp_path)
    again.remove()


def test_a_spool_that_begins_is_no_orphan(tmp_path: Path) -> None:
    """Its folder has no name before it is locked; what died in between goes after a while."""
    unborn = tmp_path / ".new-1-abc"
    unborn.mkdir()
    assert orphans(tmp_path) == []
    assert unborn.exists()
    os.utime(unborn, (0, 0))
    assert orphans(tmp_path) == []
    assert not unborn.exists()
    spool = Spool(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [spool.folder.name]
    assert spool.close() == 0


def test_an_orphan_goes_on_where_its_writer_stood(tmp_path: Path) -> None:
    """What was delivered before is not delivered again."""
    spool = Spool(tmp_path)
    spool.end("1", b"one")
    spool.delivered(spool.read().until)
    spool.end("2", b"two")
    died(spool)
    (orphan,) = orphans(tmp_path)
    batch = orphan.read()
    assert batch.payloads == [b"two"]
    orphan.delivered(batch.until)
    orphan.close()
    (again,) = orphans(tmp_path)
    assert again.read().payloads == []
    again.remove()


def test_segments_that_were_delivered_go(tmp_path: Path) -> None:
    """What is still open moves on to the newest."""
    spool = Spool(tmp_path, segment_bytes=200)
    spool.begin("long", b"the long one")
    for n in range(20):
        spool.end(str(n), b"x" * 40)
    assert len(list(spool.folder.glob("*.log"))) > 3
    while (batch := spool.read(3)).payloads:
        spool.delivered(batch.until)
    assert len(list(spool.folder.glob("*.log"))) == 1
    spool.sync()
    died(spool)
    (orphan,) = orphans(tmp_path)
    assert orphan.begun() == [b"the long one"]
    orphan.remove()


def test_what_has_just_ended_need_not_be_read(tmp_path: Path) -> None:
    """It is given out of memory, once; what was not delivered of it is read, and what came later is still in memory."""
    spool = Spool(tmp_path)
    spool.begin("1", b"intent")
    spool.end_all([("1", b"one"), ("2", b"two")])
    batch = spool.recent()
    assert batch is not None
    assert batch.payloads == [b"one", b"two"]
    spool.end("3", b"three")
    assert spool.recent() is None
    assert spool.read() == batch
    spool.delivered(batch.until)
    batch = spool.recent()
    assert batch is not None
    assert batch.payloads == [b"three"]
    spool.delivered(batch.until)
    assert not spool.behind
    assert spool.close() == 0


def test_memory_keeps_so_much_and_no_more(tmp_path: Path) -> None:
    """What is beyond is read, and memory goes on behind it."""
    spool, ids = Spool(tmp_path), [str(n) for n in range(MAX_RECENT + 1)]
    spool.end_all([(id_, id_.encode()) for id_ in ids])
    spool.end("late", b"late")
    assert spool.recent() is None
    read: list[bytes] = []
    while (late := spool.recent()) is None:
        batch = spool.read(10_000)
        read += batch.payloads
        spool.delivered(batch.until)
    assert late.payloads == [b"late"]
    assert read == [id_.encode() for id_ in ids]


def test_what_waited_for_the_disk_is_read(tmp_path: Path) -> None:
    """In its order, behind what was in memory before."""
    spool = Spool(tmp_path)
    spool.end("1", b"one")
    real, spool._file = spool._file, -1
    spool.end_all([("2", b"two"), ("3", b"three")])
    assert spool.unwritten == 2
    spool._file = real
    spool.end("4", b"four")
    assert spool.unwritten == 0
    assert spool.recent() is None
    assert spool.read().payloads == [b"one", b"two", b"three", b"four"]
    spool.delivered(spool.read().until)
    assert spool.close() == 0


def test_a_torn_end_is_no_obstacle(tmp_path: Path) -> None:
    """The crash cut a line in two: those before are delivered, and it is over."""
    spool = Spool(tmp_path)
    spool.end("1", b"one")
    log = spool.folder / "00000001.log"
    log.write_bytes(log.read_bytes() + b"12345678 e 2 two, torn\n" + b"half of a l")
    died(spool)
    (orphan,) = orphans(tmp_path)
    batch = orphan.read()
    assert batch.payloads == [b"one"]
    orphan.delivered(batch.until)
    assert orphan.read().payloads == []
    orphan.remove()


def test_a_full_disk_keeps_lines_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it takes some again; the oldest go when there are too many, and are counted."""
    spool = Spool(tmp_path, max_unwritten=3)
    real, room = os.write, [0]

    def write(file: int, data: bytes) -> int:
        if room[0] == 0:
            raise OSError(28, "No space left on device")
        return real(file, data[: room[0]])

    monkeypatch.setattr(os, "write", write)
    for n in range(5):
        spool.end(str(n), b"record %d" % n)
    assert (spool.unwritten, spool.lost, spool.read().payloads) == (3, 2, [])
    room[0] = 5  # half a line at a time: none of it may stay
    spool.end("5", b"record 5")
    assert (spool.unwritten, spool.lost, spool.read().payloads) == (3, 3, [])
    room[0] = 10_000
    spool.end("6", b"record 6")
    assert spool.unwritten == 0
    assert spool.read().payloads == [b"record 4", b"record 5", b"record 6"] or spool.lost == 4
    assert spool.close() == len(read_from(spool.folder, Position(1, 0), 10).payloads)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Said at the start."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        Spool(tmp_path / "file" / "spool")
    assert orphans(tmp_path / "nowhere") == []


def test_a_line_longer_than_a_read(tmp_path: Path) -> None:
    """It is read whole."""
    spool = Spool(tmp_path)
    spool.end("1", b"x" * 700_000)
    spool.end("2", b"y")
    batch = spool.read()
    assert batch.payloads[0] == b"x" * 700_000
    spool.delivered(batch.until)
    assert (batch.payloads[1:] + spool.read().payloads) == [b"y"]


class Machine(RuleBasedStateMachine):
    """Whatever is begun, ended, delivered, and cut short: all that ended comes out once, all that did not is known as begun."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.root = tempfile.TemporaryDirectory(prefix="llm-edge-spool-")
        self.spool = Spool(Path(self.root.name), segment_bytes=300)
        self.n = 0
        self.open: dict[str, bytes] = {}
        self.ended: list[bytes] = []
        self.got: list[bytes] = []

    @rule()
    def begin(self) -> None:
        self.n += 1
        self.open[str(self.n)] = b"intent %d" % self.n
        self.spool.begin(str(self.n), self.open[str(self.n)])

    @precondition(lambda self: self.open)
    @rule()
    def end(self) -> None:
        id_ = next(iter(self.open))
        del self.open[id_]
        self.ended.append(b"record " + id_.encode())
        self.spool.end(id_, self.ended[-1])

    @rule()
    def deliver(self) -> None:
        batch = self.spool.read(2)
        self.got += batch.payloads
        self.spool.delivered(batch.until)

    @rule()
    def crash(self) -> None:
        died(self.spool)
        (orphan,) = orphans(Path(self.root.name))
        self._finish(orphan)
        self.spool = Spool(Path(self.root.name), segment_bytes=300)

    def _finish(self, orphan: Orphan) -> None:
        at: Position | None = None
        while True:
            batch = orphan.read(2)
            self.got += batch.payloads
            orphan.delivered(batch.until)
            if batch.until == at:
                break
            at = batch.until
        assert sorted(orphan.begun()) == sorted(self.open.values())
        assert self.got == self.ended
        self.open.clear()
        orphan.remove()

    @invariant()
    def in_order(self) -> None:
        assert self.got == self.ended[: len(self.got)]

    def teardown(self) -> None:
        self.spool.close()
        self.root.cleanup()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=40, derandomize=True, deadline=None)
