"""Answers without an application."""

import json
from typing import get_args

import pytest

from proxy.serving.refusals import Reason, refusal


@pytest.mark.parametrize("reason", [r for r in get_args(Reason) if r != "write_stall"])
def test_every_reason_has_a_whole_answer(reason: Reason) -> None:
    """Except for readers that stalled, who would not read it."""
    head, _, body = refusal(reason, b"date: x\r\n").partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 ")
    assert b"date: x" in lines
    assert b"connection: close" in lines
    assert b"content-length: %d" % len(body) in lines
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "code", "param"}
