"""Base64 blobs."""

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse import blobs
from proxy.core.messages import OpaquePart, RedactedThinkingPart


def test_bad_base64_is_refused_with_its_place() -> None:
    """Empty blobs, too."""
    assert blobs.checked("AAAA", "p") == "AAAA"
    for value in ("", "A", "A*==", 1):
        with pytest.raises(InvalidBody) as caught:
            blobs.checked(value, "p")
        assert caught.value.path == "p"


def test_redacted_reasoning_is_the_text_in_the_bytes() -> None:
    """Bytes that are no text stay this dialect's own."""
    assert blobs.redacted_part(b"Encrypted") == RedactedThinkingPart(data="Encrypted")
    assert blobs.redacted_part(b"\xff\xfe") == OpaquePart(
        dialect="bedrock_converse", value={"reasoningContent": {"redactedContent": "//4="}}
    )
