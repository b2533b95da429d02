"""L1: bounds, lifetimes, and who goes first."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proxy.cache.entry import CacheEntry
from proxy.cache.memory import MemoryCache
from tests.support.clock import FakeClock

EMPTY = CacheEntry(dialect="openai_chat", kind="json", body=b"", response_id="r", model="m", provider="p", stored_at=0.0)
OVERHEAD = EMPTY.size


def entry(size: int = 0) -> CacheEntry:
    return msgspec.structs.replace(EMPTY, body=b"x" * size)


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def filled(cache: MemoryCache, *numbers: int) -> MemoryCache:
    for number in numbers:
        cache.put(key(number), entry())
    return cache


def held(cache: MemoryCache) -> set[int]:
    return {int.from_bytes(found, "big") for found, _ in cache.entries()}


def test_what_was_put_is_got() -> None:
    """The same object: nothing is copied."""
    cache, stored = MemoryCache(FakeClock()), entry(10)
    assert cache.put(key(1), stored)
    assert cache.get(key(1)) is stored
    assert cache.get(key(2)) is None


def test_an_entry_lives_exactly_its_ttl() -> None:
    """Still there just before, gone at its end, however often it was read."""
    clock = FakeClock()
    cache = filled(MemoryCache(clock, ttl_s=300), 1)
    for _ in range(3):
        clock.advance(99.75)
        assert cache.get(key(1)) is not None
    clock.advance(0.75)
    assert cache.get(key(1)) is None
    assert len(cache) == 0


def test_an_idle_entry_goes_earlier() -> None:
    """The idle time counts from the last read."""
    clock = FakeClock()
    cache = filled(MemoryCache(clock, ttl_s=300, idle_ttl_s=120), 1, 2)
    clock.advance(100)
    assert cache.get(key(1)) is not None
    clock.advance(20)
    assert cache.get(key(1)) is not None
    assert cache.get(key(2)) is None


def test_a_put_may_shorten_the_ttl_and_not_lengthen_it() -> None:
    """An entry from L2 keeps what is left of its lifetime."""
    clock = FakeClock()
    cache = MemoryCache(clock, ttl_s=300)
    cache.put(key(1), entry(), ttl_s=10)
    cache.put(key(2), entry(), ttl_s=1000)
    clock.advance(10)
    assert cache.get(key(1)) is None
    clock.advance(290)
    assert cache.get(key(2)) is None


def test_nothing_left_of_a_lifetime_is_not_stored() -> None:
    """And replaces what was there."""
    cache = filled(MemoryCache(FakeClock()), 1)
    assert not cache.put(key(1), entry(), ttl_s=0)
    assert cache.get(key(1)) is None


def test_a_second_put_replaces_the_first() -> None:
    """Its bytes and its lifetime, too."""
    clock = FakeClock()
    cache = MemoryCache(clock, ttl_s=10)
    cache.put(key(1), entry(1000))
    clock.advance(6)
    cache.put(key(1), entry(5))
    assert cache.size_bytes == OVERHEAD + 5
    clock.advance(6)
    assert cache.get(key(1)) is not None


def test_the_least_recent_goes_when_the_number_is_reached() -> None:
    """Among entries of which none was asked for again."""
    assert held(filled(MemoryCache(FakeClock(), max_entries=3), 1, 2, 3, 4, 5)) == {3, 4, 5}


def test_the_least_recent_go_when_the_bytes_are_used_up() -> None:
    """As many as it takes."""
    cache = MemoryCache(FakeClock(), max_bytes=10 * OVERHEAD, max_entry_bytes=10 * OVERHEAD)
    filled(cache, *range(10))
    cache.put(key(10), entry(2 * OVERHEAD))
    assert held(cache) == {3, 4, 5, 6, 7, 8, 9, 10}
    assert cache.evictions == 3


def test_a_flood_of_requests_never_repeated_leaves_the_repeated_ones() -> None:
    """The reason for the two segments."""
    cache = filled(MemoryCache(FakeClock(), max_entries=10), 1, 2, 3)
    for number in (1, 2, 3):
        cache.get(key(number))
    filled(cache, *range(100, 1000))
    assert {1, 2, 3} <= held(cache)
    assert len(cache) == 10


def test_the_protected_segment_has_its_bounds() -> None:
    """Entries that were hot once make room for those that are hot now."""
    cache = filled(MemoryCache(FakeClock(), max_entries=10), *range(10))
    for number in range(10):
        cache.get(key(number))
    filled(cache, *range(10, 100))
    kept = held(cache)
    assert {2, 3, 4, 5, 6, 7, 8, 9} <= kept
    assert not {0, 1} & kept


def test_a_single_entry_may_be_protected_in_a_small_cache() -> None:
    """One place, four fifths of which are less than one."""
    cache = filled(MemoryCache(FakeClock(), max_entries=1), 1)
    assert cache.get(key(1)) is not None
    assert held(filled(cache, 2)) == {2}


def test_an_entry_over_the_cap_is_not_stored() -> None:
    """An eighth of all bytes by default; an old entry under its key goes nevertheless, it is out of date."""
    cache = MemoryCache(FakeClock(), max_bytes=80 * OVERHEAD)
    assert cache.put(key(1), entry(9 * OVERHEAD))
    assert not cache.put(key(1), entry(10 * OVERHEAD))
    assert cache.get(key(1)) is None


def test_no_places_means_no_entries() -> None:
    """`max_entries: 0`."""
    cache = MemoryCache(FakeClock(), max_entries=0)
    assert not cache.put(key(1), entry())
    assert len(cache) == 0


def test_puts_sweep_expired_entries_that_nobody_asks_for() -> None:
    """So that they neither count nor push out live ones."""
    clock = FakeClock()
    cache = filled(MemoryCache(clock, ttl_s=10), *range(100))
    clock.advance(10)
    filled(cache, *range(1000, 1040))
    assert held(cache) == set(range(1000, 1040))
    assert cache.evictions == 0


def test_a_sweep_takes_all_that_has_expired() -> None:
    """Before a gauge is read; what was used since keeps its place."""
    clock = FakeClock()
    cache = filled(MemoryCache(clock, ttl_s=300, idle_ttl_s=120), *range(10))
    clock.advance(119)
    cache.get(key(3))
    clock.advance(1)
    cache.sweep()
    assert held(cache) == {3}
    assert cache.size_bytes == OVERHEAD


def test_delete_and_clear_say_what_there_was() -> None:
    """For administration."""
    cache = filled(MemoryCache(FakeClock()), 1, 2, 3)
    cache.get(key(2))
    assert cache.delete(key(2))
    assert not cache.delete(key(2))
    assert cache.clear() == 2
    assert (len(cache), cache.size_bytes) == (0, 0)
    assert cache.get(key(1)) is None


def test_rewriting_one_key_for_ever_takes_no_memory() -> None:
    """The list of expiries is tidied; looked at from outside by what a sweep has to go through."""
    clock = FakeClock()
    cache = MemoryCache(clock, ttl_s=1000)
    for _ in range(10_000):
        cache.put(key(1), entry())
    assert cache.pending_expiries < 200


class Model(RuleBasedStateMachine):
    """Against a dict of deadlines: nothing expired is ever served, nothing over a bound is ever held."""

    MAX_ENTRIES, MAX_BYTES, TTL_S, IDLE_S = 5, 12 * OVERHEAD, 30.0, 10.0

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.cache = MemoryCache(
            self.clock,
            max_entries=self.MAX_ENTRIES,
            max_bytes=self.MAX_BYTES,
            ttl_s=self.TTL_S,
            idle_ttl_s=self.IDLE_S,
            max_entry_bytes=6 * OVERHEAD,
        )
        self.expires: dict[int, float] = {}
        self.idle: dict[int, float] = {}
        self.stored: dict[int, CacheEntry] = {}

    @rule(number=st.integers(0, 8), size=st.integers(0, 7), ttl_s=st.none() | st.floats(0, 40))
    def put(self, number: int, size: int, ttl_s: float | None) -> None:
        value, now = entry(size * OVERHEAD), self.clock.monotonic()
        self.stored.pop(number, None)
        if self.cache.put(key(number), value, ttl_s=ttl_s):
            self.stored[number] = value
            self.expires[number] = now + (self.TTL_S if ttl_s is None else min(ttl_s, self.TTL_S))
            self.idle[number] = now + self.IDLE_S

    @rule(number=st.integers(0, 8))
    def get(self, number: int) -> None:
        found, now = self.cache.get(key(number)), self.clock.monotonic()
        if found is not None:
            assert found is self.stored[number]
            assert now < self.expires[number]
            assert now < self.idle[number]
            self.idle[number] = now + self.IDLE_S

    @rule(seconds=st.floats(0, 15))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def sweep(self) -> None:
        self.cache.sweep()
        now = self.clock.monotonic()
        for number in held(self.cache):
            assert now < min(self.expires[number], self.idle[number])

    @rule(number=st.integers(0, 8))
    def delete(self, number: int) -> None:
        self.cache.delete(key(number))
        assert self.cache.get(key(number)) is None

    @invariant()
    def within_bounds(self) -> None:
        assert len(self.cache) <= self.MAX_ENTRIES
        assert self.cache.size_bytes <= self.MAX_BYTES
        assert self.cache.size_bytes == sum(found.size for _, found in self.cache.entries())


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=200))
def test_one_use_never_beats_bounds(steps: list[tuple[int, bool]]) -> None:
    """Any order of puts and gets; a get after a put with room to spare always hits."""
    cache = MemoryCache(FakeClock(), max_entries=7)
    for number, is_put in steps:
        if is_put:
            cache.put(key(number), entry())
            assert cache.get(key(number)) is not None
        else:
            cache.get(key(number))
        assert len(cache) <= 7
