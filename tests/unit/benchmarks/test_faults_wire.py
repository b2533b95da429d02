"""What the wire log comes to."""

from benchmarks.faults.wire import RACE_NS, WireCall, WireLog, by_request, tally

MS = 1_000_000


def call(request: str, began_ms: int = 0, **more: object) -> WireCall:
    found = WireCall(1, "a", request, False, began_ms * MS)
    for name, value in more.items():
        setattr(found, name, value)
    return found


def test_calls_are_numbered_over_all_members() -> None:
    """The number stands in the answer's text, so no two calls of a script have the same."""
    log = WireLog()
    numbers = [log.begin(member, "r1", False, 0).number for member in "aba"]
    assert numbers == [1, 2, 3]
    assert [one.number for one in log.at("a")] == [1, 3]
    assert [one.number for one in log.of("r1")] == [1, 2, 3]
    assert log.of("r2") == []


def test_wasted_is_what_goes_beyond_the_first() -> None:
    """One call a request is needed, also where all fail; a request that no call belongs to wastes nothing."""
    calls = [call("r1"), call("r2", act="refusal", status=429), call("r2", completed=True), call("r3"), call("r3"), call("r3")]
    found = tally(calls, {"r1": 0, "r2": 0, "r3": 0, "r4": 0}, attempts=2)
    assert (found.requests, found.calls, found.wasted, found.most) == (4, 6, 3, 3)
    assert (found.over, found.off) == (1, 3)
    assert (found.throttled, found.faulty) == (1, 1)


def test_duplicates_are_whole_answers_beyond_the_first() -> None:
    """Two whole answers are billed twice; one that broke, or was given up before its content, is not; after it, in part."""
    calls = [
        call("r1", completed=True),
        call("r1", completed=True),
        call("r2", completed=True),
        call("r2"),
        call("r3", completed=True),
        call("r3", left=True),
        call("r3", left=True, first_ns=5),
    ]
    found = tally(calls, dict.fromkeys(("r1", "r2", "r3"), 0), attempts=3)
    assert (found.duplicates, found.billed_in_part) == (1, 1)


def test_calls_after_the_first_byte() -> None:
    """Later than what may still have been under way; a client that had no content has no first byte."""
    first_ns = 100 * MS
    calls = [call("r1", 0), call("r1", 100 + RACE_NS // MS), call("r1", 101 + RACE_NS // MS), call("r2", 900)]
    assert tally(calls, {"r1": first_ns, "r2": 0}, attempts=3).after_first_byte == 1


def test_shadows_and_probes_are_apart() -> None:
    """Copies and calls without a mark count as no request's."""
    calls = [call("r1", completed=True), call("r1", member="shadow", completed=True), call("")]
    found = tally(calls, {"r1": 0}, attempts=1, shadows=frozenset({"shadow"}))
    assert (found.calls, found.wasted, found.duplicates, found.shadow, found.unmarked) == (1, 0, 0, 1, 1)
    assert list(by_request(calls)) == ["r1"]
