"""Stop reasons."""

from typing import get_args

import botocore.session
import pytest

from proxy.codecs.bedrock_converse.finish import decode_finish, encode_finish
from proxy.core.response import FinishReason

REASONS = botocore.session.get_session().get_service_model("bedrock-runtime").shape_for("StopReason").enum


@pytest.mark.parametrize("reason", REASONS)
def test_each_of_the_service_s_reasons_comes_back(reason: str) -> None:
    """Where the provider's own word is known."""
    assert encode_finish(decode_finish(reason), tools=False, refused=False, original=reason) == reason


@pytest.mark.parametrize("reason", get_args(FinishReason))
def test_each_canonical_reason_has_a_word_of_the_service(reason: FinishReason) -> None:
    """Also where the original cannot be one."""
    assert encode_finish(reason, tools=False, refused=False, original=7) in REASONS


def test_the_reason_fits_the_content() -> None:
    """A forced call ends with "stop" at OpenAI; a refusal is a kind of filter here."""
    assert encode_finish("stop", tools=True, refused=False) == "tool_use"
    assert encode_finish("stop", tools=False, refused=True) == "content_filtered"
    assert encode_finish("length", tools=True, refused=True) == "max_tokens"
    assert (decode_finish("malformed_tool_use"), decode_finish("new")) == ("other", "other")
