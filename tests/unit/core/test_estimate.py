"""A rough count of a prompt's tokens."""

import base64
from typing import Any

import pytest

from proxy.core.estimate import (
    ANSWER_BEGINS,
    AUDIO_BYTES_PER_TOKEN,
    IMAGE_TOKENS,
    PAGE_BYTES,
    PAGE_TOKENS,
    PER_MESSAGE,
    PER_TOOL,
    estimated_tokens,
)
from proxy.core.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)
from proxy.core.request import ChatRequest, ResponseFormat, Tool

ALWAYS = PER_MESSAGE + ANSWER_BEGINS


def asked(*parts: Part, **more: Any) -> ChatRequest:
    return ChatRequest(dialect="x", model="m", messages=(Message(role="user", content=parts),), **more)


def b64(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (TextPart(text=""), 0),
        (TextPart(text="four"), 1),
        (TextPart(text="fives"), 2),
        (TextPart(text="€€€€"), 3),
        (TextPart(text="\ud800"), 1),
        (ThinkingPart(text="a" * 8), 2),
        (RefusalPart(text="a" * 8), 2),
        (RedactedThinkingPart(data="a" * 8), 2),
        (OpaquePart(dialect="x", value={"a": 1}), 2),
        (ToolUsePart(id="1", name="name", arguments='{"a": 12}'), 4),
        (ToolResultPart(tool_use_id="1", content=(TextPart(text="four"), ImagePart(url="http://x"))), 1 + IMAGE_TOKENS),
        (ImagePart(data="AAAA", media_type="image/png"), IMAGE_TOKENS),
        (AudioPart(data=b64(AUDIO_BYTES_PER_TOKEN * 3), format="wav"), 3),
        (AudioPart(id="earlier"), 0),
        (DocumentPart(text="a" * 8, title="four"), 3),
        (DocumentPart(data=b64(8), media_type="text/plain"), 2),
        (DocumentPart(data=b64(PAGE_BYTES), media_type="application/pdf"), PAGE_TOKENS),
        (DocumentPart(data=b64(PAGE_BYTES + 3), media_type="application/pdf"), 2 * PAGE_TOKENS),
        (DocumentPart(url="http://x"), PAGE_TOKENS),
    ],
)
def test_each_kind_of_content(part: Part, tokens: int) -> None:
    """Text by its bytes, the rest by its bound."""
    assert estimated_tokens(asked(part)) == ALWAYS + tokens


def test_tools_and_schemas_count() -> None:
    """As the text that the model reads of them."""
    plain = asked()
    assert estimated_tokens(asked(tools=(Tool(name="f", description="abc"),))) == estimated_tokens(plain) + PER_TOOL + 2
    assert estimated_tokens(asked(tools=(Tool(name="f", opaque={"type": "x"}, dialect="y"),))) == estimated_tokens(plain) + PER_TOOL + 3
    wanted = ResponseFormat(kind="json_schema", schema={"type": "object"})
    assert estimated_tokens(asked(response_format=wanted)) == estimated_tokens(plain) + 5
    assert estimated_tokens(asked(response_format=ResponseFormat(kind="json_object"))) == estimated_tokens(plain)


def test_bytes_add_up_before_they_are_divided() -> None:
    """A prompt in many small pieces is no longer than in one."""
    assert estimated_tokens(asked(*[TextPart(text="a")] * 8)) == ALWAYS + 2
