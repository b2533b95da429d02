"""Reasoning items ↔ thinking parts."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses.thinking import decode_reasoning, encode_reasoning, is_own, is_sealed
from proxy.core.messages import RedactedThinkingPart, ThinkingPart


def item(**fields: Any) -> dict[str, Any]:
    return {"id": "rs_1", "type": "reasoning", "summary": [], **fields}


def summary(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "summary_text", "text": text} for text in texts]


def test_several_texts_are_one() -> None:
    """With id and encrypted content in the signature, whatever characters it has."""
    part = decode_reasoning(item(summary=summary("a", "", "b"), encrypted_content="x:/+=:y"), "p")
    assert part == ThinkingPart(text="a\n\nb", signature="openai_responses:summary:rs_1:x:/+=:y")
    assert encode_reasoning(part) == item(summary=summary("a\n\nb"), encrypted_content="x:/+=:y")


@pytest.mark.parametrize("given", [item(), item(content=[{"type": "reasoning_text", "text": "t"}]), item(summary=summary("a"))])
def test_item_without_encrypted_content(given: dict[str, Any]) -> None:
    """Comes back by its id."""
    part = decode_reasoning(given, "p")
    assert isinstance(part, ThinkingPart)
    assert encode_reasoning(part) == given
    assert is_own(part)
    assert not is_sealed(part)


def test_another_provider_s_signature() -> None:
    """Travels as encrypted content and comes back."""
    part = ThinkingPart(text="hm", signature="EqQBCg==")
    encoded = encode_reasoning(part, "seed")
    assert encoded["encrypted_content"] == "llm-edge:sig:EqQBCg=="
    assert encoded["id"].startswith("rs_edge_")
    assert decode_reasoning(encoded, "p") == part
    assert not is_own(part)


def test_redacted_thinking() -> None:
    """Likewise."""
    part = RedactedThinkingPart(data="zz")
    assert decode_reasoning(encode_reasoning(part, 1), "p") == part


def test_unsigned_thinking_of_another_dialect() -> None:
    """Has an id of ours, by which it is known not to be the upstream's."""
    part = ThinkingPart(text="hm")
    assert decode_reasoning(encode_reasoning(part, 1), "p") == part


def test_broken_signature_of_our_form() -> None:
    """Never trips."""
    assert encode_reasoning(ThinkingPart(text="", signature="openai_responses:"), 1)["summary"] == []
    assert not is_sealed(ThinkingPart(text="", signature="x"))
    assert not is_sealed(ThinkingPart(text="", signature="openai_responses:"))


@pytest.mark.parametrize("broken", [item(summary="a"), item(summary=[{}]), item(id=3), item(encrypted_content=5)])
def test_broken_items(broken: dict[str, Any]) -> None:
    """Named by their place."""
    with pytest.raises(InvalidBody) as caught:
        decode_reasoning(broken, "input[0]")
    assert caught.value.path.startswith("input[0]")
