"""Base64 blobs of the JSON form.

`redactedContent` holds the bytes of the text that the Messages API has in `redacted_thinking.data`, in base64 once more (seen in
recorded answers of Claude 3.7).
"""

import base64
import binascii
from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse import fields
from proxy.core.messages import OpaquePart, RedactedThinkingPart


def checked(value: Any, path: str) -> str:
    """Base64 text as it is. Raises InvalidBody where it is none, or empty."""
    data = fields.as_text(value, path)
    if not data:
        raise InvalidBody(f"{path}: must not be empty", path)
    raw(data, path)
    return data


def raw(data: str, path: str) -> bytes:
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        raise InvalidBody(f"{path}: invalid base64", path) from None


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def redacted_part(data: bytes) -> RedactedThinkingPart | OpaquePart:
    """Opaque where the bytes are no text, which no other dialect can carry."""
    try:
        return RedactedThinkingPart(data=data.decode())
    except UnicodeDecodeError:
        return OpaquePart(dialect=fields.DIALECT, value={"reasoningContent": {"redactedContent": encoded(data)}})
