"""Identifiers."""

import os
import re
import time

from proxy.core.ids import reseed, secret_hex, span_id, trace_id


def test_trace_and_span_ids_are_w3cs() -> None:
    """32 and 16 lower-case hex digits."""
    assert re.fullmatch(r"[0-9a-f]{32}", trace_id())
    assert re.fullmatch(r"[0-9a-f]{16}", span_id())


def test_ids_do_not_repeat() -> None:
    """Ten thousand of them."""
    assert len({trace_id() for _ in range(10_000)}) == 10_000


def test_trace_ids_are_in_the_order_of_seconds() -> None:
    """Eight digits of the time, given or now, never all zero, and the rest at random: as W3C's sampling wants it."""
    ids = [trace_id(second + 0.9) for second in (0, 1, 1_700_000_000, 1_700_000_001, 2**32 - 1)]
    assert [id_[:8] for id_ in ids] == ["00000001", "00000001", "6553f100", "6553f101", "ffffffff"]
    assert ids[1:] == sorted(ids[1:])
    assert re.fullmatch(r"[0-9a-f]{32}", trace_id(-5.0))
    assert re.fullmatch(r"[0-9a-f]{32}", trace_id(2.0**32 + 5))
    before, now, after = time.time(), trace_id(), time.time()
    assert int(before) <= int(now[:8], 16) <= int(after)
    bits = [int(trace_id(7.0)[8:], 16) for _ in range(1000)]
    assert all(400 < sum(number >> bit & 1 for number in bits) < 600 for bit in range(96))


def test_a_forked_child_makes_ids_of_its_own() -> None:
    """After `reseed`, the child's next id is not the parent's."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        reseed()
        os.write(writer, trace_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    own = trace_id()
    os.close(writer)
    with os.fdopen(reader) as told:
        assert told.read() not in ("", own)


def test_secrets_have_the_length_asked_for() -> None:
    """Two hex digits a byte."""
    assert len(secret_hex()) == 32
    assert len(secret_hex(4)) == 8
