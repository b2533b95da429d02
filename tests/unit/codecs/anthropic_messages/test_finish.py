"""Stop reasons."""

import typing

import pytest

from proxy.codecs.anthropic_messages.finish import decode_finish, encode_finish
from proxy.core.response import FinishReason


@pytest.mark.parametrize(
    "wire", ["end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"]
)
def test_every_stop_reason_survives(wire: str) -> None:
    """There and back again."""
    assert encode_finish(decode_finish(wire), tools=False, refused=False) == wire


def test_unknown_stop_reason_is_other() -> None:
    """The API may grow one."""
    assert decode_finish("brand_new") == "other"


@pytest.mark.parametrize("reason", typing.get_args(FinishReason))
def test_every_reason_has_a_stop_reason(reason: FinishReason) -> None:
    """No canonical reason is without one that the SDK knows."""
    assert decode_finish(encode_finish(reason, tools=False, refused=False)) != "other"


@pytest.mark.parametrize(
    ("reason", "tools", "refused", "wire"),
    [
        ("stop", True, False, "tool_use"),
        ("other", True, False, "tool_use"),
        ("length", True, False, "max_tokens"),
        ("stop", False, True, "refusal"),
        ("content_filter", False, False, "refusal"),
        ("other", False, False, "end_turn"),
    ],
)
def test_stop_reason_fits_the_content(reason: FinishReason, tools: bool, refused: bool, wire: str) -> None:
    """A client that finds tool calls or a refusal is told so."""
    assert encode_finish(reason, tools=tools, refused=refused) == wire
