"""What a dialect lacks and the gateway does for it, beside the codecs: the literal tables.

`INLINE_ONLY`: taken as bytes only, so that a URL has to be fetched before it is encoded. `SINGLE_CHOICE`: one answer a call, so that
several take as many calls.

Sources: Bedrock API reference (ImageSource, DocumentSource: bytes or S3), Bedrock user guide "Anthropic Claude Messages API" (base64
sources), OpenAI API reference (chat `file`: file_data or file_id), read 2026-11-25. The others fetch public URLs themselves.
"""

from collections.abc import Mapping
from typing import Literal

Fetchable = Literal["image", "document"]
EVERYTHING: frozenset[Fetchable] = frozenset({"image", "document"})

INLINE_ONLY: Mapping[str, frozenset[Fetchable]] = {
    "bedrock_converse": EVERYTHING,
    "bedrock_invoke": EVERYTHING,
    "openai_chat": frozenset({"document"}),
}

SINGLE_CHOICE = frozenset({"anthropic_messages", "bedrock_converse", "bedrock_invoke", "openai_responses"})
