"""How targets are doing, for people."""

from typing import Any, cast

import pytest

from proxy.pipeline.deps import Pipeline
from proxy.pipeline.health_report import REASONS, HealthGauges, HealthReport, Rest, breaker_states, resting, usable
from proxy.providers.key_pool import KeyPool
from proxy.providers.openai_compatible import OpenAICompatible
from proxy.routing import health, stats
from proxy.routing.health import QUOTA, HealthBook
from proxy.routing.room import Bounds
from proxy.transport.scripted import ScriptedTransport


class Counted:
    def __init__(self) -> None:
        self.all: list[tuple[str, ...]] = []

    def inc(self, family: str, *labels: str) -> None:
        self.all.append((family, *labels))


def pool(name: str, *keys: str) -> OpenAICompatible:
    return OpenAICompatible(name, base_url="http://up.test", keys=KeyPool(list(keys)), transport=ScriptedTransport([]))


class Piped:
    """As much of a pipeline as the gauges read."""

    def __init__(self, book: HealthBook, names: tuple[str, ...]) -> None:
        self.health = book
        self.providers = {name: pool(name, "k") for name in names}


def piped(book: HealthBook, *names: str) -> Pipeline:
    return cast("Pipeline", Piped(book, names))


def test_openings_and_closings_are_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """With the target's name, for how long, and who found out; rests are not: under load they are many a second."""
    caplog.set_level("INFO", "llm_edge")
    counted, book = Counted(), HealthBook()
    book.listeners.append(HealthReport(counted))
    target = book.stats("p/m")
    for _ in range(5):
        book.ended(target, 10.0, "failed")
    book.heard_closed(target, 11.0, 12.0)
    book.heard_open(target, 20.0, 13.0)
    book.cool(target, 99.0, 13.0)
    book.away(target, 99.0, QUOTA, 13.0)
    book.rest_key("p", "acc", 99.0, 13.0)
    family = "llm_edge_circuit_breaker_transitions_total"
    assert counted.all == [(family, "p", "open", "own"), (family, "p", "closed", "shared"), (family, "p", "open", "shared")]

    def said(record: Any) -> tuple[Any, ...]:
        return record.levelname, record.message, record.target, getattr(record, "for_s", None), getattr(record, "failures", None)

    assert [said(record) for record in caplog.records] == [
        ("WARNING", "breaker opened", "p/m", 30.0, 5),
        ("INFO", "breaker closed", "p/m", None, None),
        ("WARNING", "breaker opened", "p/m", 7.0, None),
    ]


def test_every_reason_has_its_word() -> None:
    """Of the label."""
    told = {stats.DRAINED, stats.BREAKER_OPEN, stats.PROBED, stats.COOLING, health.QUOTA, health.THROTTLED, health.REFUSED}
    assert set(REASONS) == told


def test_what_rests_and_for_how_long() -> None:
    """Without a time where only a person can tell."""
    book = HealthBook()
    book.stats("p/well")
    book.cool(book.stats("p/cool"), 12.0, 10.0)
    book.away(book.stats("p/away"), 13.5, QUOTA, 10.0)
    book.drain(book.stats("p/out"), True, 10.0)
    assert resting(book, 10.0) == [Rest("p/cool", "cooling down", 2.0), Rest("p/away", QUOTA, 3.5), Rest("p/out", "drained", None)]


def test_a_provider_is_usable_while_a_target_and_a_key_are() -> None:
    """One that was never used is; a rest that only sends others first takes nothing away."""
    book = HealthBook()
    providers = {name: pool(name, "a", "b") for name in ("new", "half", "down", "away", "keyless")}
    for name in ("half/one", "half/two", "down/one"):
        book.stats(name)
    book.heard_open(book.stats("half/one"), 30.0, 0.0)
    book.heard_open(book.stats("down/one"), 30.0, 0.0)
    book.away(book.stats("away/one"), 30.0, QUOTA, 0.0)
    for member in providers["keyless"].keys.members:
        book.rest_key("keyless", member.fingerprint, 30.0, 0.0)
    assert usable(book, providers, 1.0) == {"new": True, "half": True, "down": False, "away": True, "keyless": False}


def test_a_providers_breaker_is_open_as_soon_as_a_targets_is() -> None:
    """Closed while none is; an opening that is over waits for its probe; a provider that is gone has none."""
    book = HealthBook()
    book.stats("a/well")
    book.heard_open(book.stats("b/open"), 30.0, 0.0)
    book.heard_open(book.stats("b/over"), 5.0, 0.0)
    book.heard_open(book.stats("gone/open"), 30.0, 0.0)
    states = dict(breaker_states(book, ["a", "b"], 10.0))
    assert {labels for labels, value in states.items() if value} == {("a", "closed"), ("b", "open"), ("b", "half_open")}
    assert set(states) == {(name, state) for name in ("a", "b") for state in ("closed", "open", "half_open")}


def test_gauges_of_targets_are_bounded_and_added_up() -> None:
    """Names that may be no label are one target, `other`."""
    book = HealthBook()
    for name, left in (("p/known", 0.5), ("p/x", 0.4), ("p/y", 0.2)):
        target = book.stats(name)
        book.started(target, 0.0)
        target.quota_left = left
        book.away(target, 30.0, QUOTA, 0.0)
    book.stats("p/idle")
    gauges = HealthGauges(lambda: piped(book), lambda model: model == "known", lambda: 1.0)
    assert dict(gauges.in_flight()) == {("p", "known"): 1.0, ("p", "other"): 2.0}
    assert dict(gauges.quota_left()) == {("p", "known"): 0.5, ("p", "other"): 0.2}
    assert dict(gauges.resting()) == {("p", "known", "quota"): 1.0, ("p", "other", "quota"): 1.0}


def test_without_a_gateway_there_is_nothing_to_read() -> None:
    """Before the lifespan, and after it."""
    gauges = HealthGauges(lambda: None, lambda model: True, lambda: 1.0)
    read = (gauges.providers, gauges.breakers, gauges.in_flight, gauges.keys_in_flight, gauges.resting, gauges.quota_left)
    assert [list(one()) for one in read] == [[]] * 6


def test_gauges_of_providers() -> None:
    """Those of the configuration in force."""
    book = HealthBook()
    book.heard_open(book.stats("a/m"), 30.0, 0.0)
    gauges = HealthGauges(lambda: piped(book, "a"), lambda model: True, lambda: 1.0)
    assert list(gauges.providers()) == [(("a",), 0.0)]
    assert [labels for labels, value in gauges.breakers() if value] == [("a", "open")]


def test_a_reason_of_a_later_version_is_other() -> None:
    """Heard from a process that knows more."""
    book = HealthBook()
    book.away(book.stats("p/m"), 30.0, "who knows", 0.0, ours=False)
    assert dict(HealthGauges(lambda: piped(book), lambda model: True, lambda: 1.0).resting()) == {("p", "m", "other"): 1.0}


def test_calls_under_way_by_key_where_keys_are_bounded() -> None:
    """By place in the pool; a provider whose keys are not bounded, or no more, has none."""
    book = HealthBook()
    pipe = piped(book, "bounded", "free")
    (account,) = (key.fingerprint for key in pipe.providers["bounded"].keys.members)
    keys = book.keys("bounded", Bounds(concurrency=2), [account])
    assert keys is not None
    assert keys.enter([account], 0.0) == account
    gauges = HealthGauges(lambda: pipe, lambda model: True, lambda: 1.0)
    assert list(gauges.keys_in_flight()) == [(("bounded", "0"), 1.0)]
    assert book.keys("bounded", None, [account]) is None
    assert list(gauges.keys_in_flight()) == []
    keys.leave(account)
    assert book.keys("bounded", Bounds(rpm=1), [account]) is keys
    assert list(gauges.keys_in_flight()) == [(("bounded", "0"), 0.0)]
