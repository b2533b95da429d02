"""Identifiers."""

import os
import re

from proxy.core.ids import reseed, secret_hex, span_id, trace_id


def test_trace_and_span_ids_are_w3cs() -> None:
    """32 and 16 lower-case hex digits."""
    assert re.fullmatch(r"[0-9a-f]{32}", trace_id())
    assert re.fullmatch(r"[0-9a-f]{16}", span_id())


def test_ids_do_not_repeat() -> None:
    """Ten thousand of them."""
    assert len({trace_id() for _ in range(10_000)}) == 10_000


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
