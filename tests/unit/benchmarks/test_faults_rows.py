"""Rows of the fault bench and what a version of the gateway can show of them."""

import pytest

from benchmarks.faults.features import merged, missing, paths, with_optional
from benchmarks.faults.rows import MODEL, SYSTEMS, Row, gateway_config, main_targets, odd_word, rows
from benchmarks.faults.run import PEER_RATE, SEATS, load_of
from benchmarks.systems.gateway import KEY

BASE = {
    "auth": {"static_keys": [KEY]},
    "providers": {"a": {"kind": "openai", "base_url": "http://127.0.0.1:1/v1", "api_keys": ["sk-upstream"]}},
    "models": {"bench": {"targets": [{"provider": "a"}]}},
}


def row(key: str) -> Row:
    return next(row for row in rows() if row.key == key)


def lacks(key: str) -> str:
    members = row(key).scenario.members(10.0)
    return gateway_config(row(key), members, {member.name: 1 for member in members}, 1, ".")[1]


def test_rows_have_keys_of_their_own() -> None:
    """Each is told from the others by scenario and way, has members for the seats there are, and different ones."""
    keys = [row.key for row in rows()]
    assert len(keys) == len(set(keys))
    for one in rows():
        members = one.scenario.members(20.0)
        assert len({member.name for member in members}) == len(members) <= SEATS
        assert main_targets(members)
        assert one.scenario.faulty <= {"a", "b", "c"}
        assert one.system in SYSTEMS


@pytest.mark.parametrize("key", ["healthy/one", "down/failover", "down/failover-2", "inside/failover", "down/model"])
def test_what_every_version_has(key: str) -> None:
    """One target and failover are there: a mistake in the bench's own configuration would show here as a lacking feature."""
    assert lacks(key) == ""


def test_every_configuration_is_understood_or_names_what_is_lacking() -> None:
    """The reason names a setting of the row, never one of the usual configuration."""
    for one in rows():
        subject = lacks(one.key).partition(":")[0].partition("[")[0]
        about = list(paths(one.variant.config))
        assert not subject or any(path.startswith(subject) or subject.startswith(path) for path in about), f"{one.key}: {subject}"


def test_an_unknown_setting_is_a_feature_that_is_not_there() -> None:
    """The settings themselves say so."""
    essential = {"models": {"bench": {"time_travel": True}}}
    assert "time_travel" in missing(merged(BASE, essential), essential)
    assert missing(BASE, {}) == ""


def test_what_is_announced_as_not_built_counts_where_the_row_is_about_it() -> None:
    """A section that is read but has no effect makes no row of its own, and spoils none that only happens to have it."""
    whole = merged(BASE, {"masking": {}})
    assert "not available yet" in missing(whole, {"masking": {}})
    assert missing(whole, {"models": {"bench": {"strategy": "failover"}}}) == ""


def test_optional_parts_are_left_out_where_unknown() -> None:
    """What this version knows is kept."""
    found = with_optional(BASE, [{"routing": {"retries": {"attempts": 2}}}, {"routing": {"time_travel": 1}}])
    assert found["routing"] == {"retries": {"attempts": 2}}


def test_merging() -> None:
    """Mappings are merged, lists replaced, and nothing that was given changes."""
    below = {"a": {"b": 1, "c": [1]}, "d": 2}
    assert merged(below, {"a": {"c": [2]}, "d": {"e": 3}}) == {"a": {"b": 1, "c": [2]}, "d": {"e": 3}}
    assert below == {"a": {"b": 1, "c": [1]}, "d": 2}
    assert list(paths({"a": {"b": 1, "c": {}}})) == ["a.b", "a.c"]


def test_one_target() -> None:
    """The baseline has the first member only; other ways have all but shadows and fallbacks."""

    def targets(key: str) -> list[str]:
        members = row(key).scenario.members(10.0)
        config, _ = gateway_config(row(key), members, {member.name: 1 for member in members}, 1, ".")
        return [target["provider"] for target in config["models"][MODEL]["targets"]]

    assert targets("down/one") == ["a"]
    assert targets("down/failover") == ["a", "b", "c"]
    assert targets("shadow/no-shadow") == ["a"]
    assert targets("context/no-fallback") == ["a"]


def test_loads() -> None:
    """The peer gets its own rate over the same time; strategy `content` gets a word to go by."""
    ours, theirs = load_of(row("down/failover"), 1000, 3), load_of(row("down/litellm"), 1000, 3)
    assert ours.seed == 3
    assert theirs.rate == PEER_RATE
    assert theirs.span_s == pytest.approx(ours.span_s)
    assert odd_word(row("down/content"))
    assert load_of(row("exact/attempts-2"), 1000, 1).requests == 50
