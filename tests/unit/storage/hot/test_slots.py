"""Slots, and what nodes say about them."""

from typing import Any

import pytest

from proxy.storage.hot.slots import SLOTS, Endpoint, Redirect, SlotRange, first_key, ranges_of, redirect_of, slot_of


@pytest.mark.parametrize(("key", "slot"), [("123456789", 12739), ("foo", 12182), (b"bar", 5061), ("", 0)])
def test_slots_are_those_of_the_specification(key: str | bytes, slot: int) -> None:
    """CRC16 of 123456789 is 31C3 there; the others are as `CLUSTER KEYSLOT` says."""
    assert slot_of(key) == slot


def test_a_hash_tag_decides_alone() -> None:
    """The first pair of braces that is not empty."""
    assert slot_of("{user}.a") == slot_of("b{user}") == slot_of("user")
    assert slot_of("{}a") != slot_of("a")
    assert slot_of("a{{b}}") == slot_of("{b")
    assert slot_of("{open") < SLOTS


@pytest.mark.parametrize(
    ("args", "key"),
    [
        (("GET", "a"), "a"),
        (("EVAL", "return 1", 1, b"k", "x"), b"k"),
        (("EVAL", "return 1", 0), None),
        (("XREAD", "COUNT", 1, "STREAMS", "s", "0"), "s"),
        (("MEMORY", "USAGE", "m"), "m"),
        (("PING",), None),
        (("GET", 5), "5"),
    ],
)
def test_the_first_key_is_found(args: tuple[Any, ...], key: str | bytes | None) -> None:
    """Where each command has it."""
    assert first_key(args) == key


def test_a_command_that_lacks_its_key_is_refused() -> None:
    """It belongs nowhere."""
    with pytest.raises(ValueError, match="GET without a key"):
        first_key(("GET",))


@pytest.mark.parametrize(
    ("text", "redirect"),
    [
        ("MOVED 3999 127.0.0.1:6381", Redirect(3999, Endpoint("127.0.0.1", 6381), False)),
        ("ASK 1 ::1:7000", Redirect(1, Endpoint("::1", 7000), True)),
        ("MOVED 1 :7000", Redirect(1, Endpoint("", 7000), False)),
        ("MOVED 1 ?:7000", Redirect(1, Endpoint("", 7000), False)),
        ("MOVED x h:1", None),
        ("MOVED 99999 h:1", None),
        ("MOVED 1 h", None),
        ("WRONGTYPE no", None),
    ],
)
def test_redirections_are_read(text: str, redirect: Redirect | None) -> None:
    """And nothing else is one."""
    assert redirect_of(text) == redirect


def test_the_map_is_read() -> None:
    """Masters first, replicas after; a form that is not known is an error."""
    reply = [[0, 99, [b"h", 1, b"id"], [b"r", 2, b"id"]], [100, 200, [None, 3]]]
    assert ranges_of(reply) == (
        SlotRange(0, 99, Endpoint("h", 1), (Endpoint("r", 2),)),
        SlotRange(100, 200, Endpoint("", 3), ()),
    )
    for broken in ([[0]], [["a", "b", [b"h", 1]]], 5, [[0, 1, [b"h"]]]):
        with pytest.raises(ValueError, match="unknown form"):
            ranges_of(broken)
