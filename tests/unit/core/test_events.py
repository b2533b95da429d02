"""Canonical stream events."""

import pytest

from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    Finish,
    LogprobsDelta,
    SignatureDelta,
    StreamEnd,
    StreamEvent,
    StreamStart,
    TextDelta,
    UsageUpdate,
    is_content,
)
from proxy.core.messages import OpaquePart
from proxy.core.response import Usage


@pytest.mark.parametrize(
    "event",
    [
        TextDelta(block=0, text="a"),
        ArgumentsDelta(block=0, json="{"),
        SignatureDelta(block=0, signature="s"),
        BlockStart(block=0, kind="tool_use", id="call_1", name="f"),
        BlockStart(block=0, kind="opaque", part=OpaquePart(dialect="anthropic_messages", value={})),
    ],
)
def test_what_the_client_sees_is_content(event: StreamEvent) -> None:
    """A tool call's name, and blocks that arrive whole, too."""
    assert is_content(event)


@pytest.mark.parametrize(
    "event",
    [
        StreamStart(id="x", model="m"),
        BlockStart(block=0, kind="text"),
        BlockStop(block=0),
        UsageUpdate(usage=Usage()),
        LogprobsDelta(choice=0, logprobs={}),
        Finish(reason="stop"),
        StreamEnd(),
    ],
)
def test_the_frame_around_it_is_not(event: StreamEvent) -> None:
    """Until content came, another target may answer."""
    assert not is_content(event)
