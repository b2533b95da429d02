"""The table against the encoders themselves."""

import pytest

from proxy.assembly import make_codecs
from proxy.codecs.helped import INLINE_ONLY, SINGLE_CHOICE
from proxy.core.messages import DocumentPart, ImagePart, Message, TextPart
from proxy.core.request import ChatRequest
from tests.support.clock import FakeClock

CODECS = {name: codec for name, codec in make_codecs(FakeClock()).items() if name not in ("openai_completions", "bedrock_invoke")}


@pytest.mark.parametrize("name", sorted(CODECS))
@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("image", ImagePart(url="https://x.example/a.png")),
        ("document", DocumentPart(url="https://x.example/a.pdf", media_type="application/pdf")),
    ],
)
def test_a_dialect_is_listed_where_it_drops_a_url(name: str, kind: str, part: ImagePart | DocumentPart) -> None:
    """And only there."""
    request = ChatRequest(dialect="other", model="m", max_tokens=9, messages=(Message(role="user", content=(part,), path="messages[0]"),))
    dropped = CODECS[name].encode_request(request).dropped
    assert ("messages[0].content[0]" in dropped) == (kind in INLINE_ONLY.get(name, frozenset()))


@pytest.mark.parametrize("name", sorted(CODECS))
def test_a_dialect_is_listed_where_it_drops_n(name: str) -> None:
    """And only there."""
    text = Message(role="user", content=(TextPart(text="x"),), path="messages[0]")
    request = ChatRequest(dialect="other", model="m", max_tokens=9, n=2, messages=(text,))
    assert ("n" in CODECS[name].encode_request(request).dropped) == (name in SINGLE_CHOICE)
