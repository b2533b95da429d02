"""The table against the encoders themselves."""

import pytest

from proxy.assembly import make_codecs
from proxy.codecs.inline_only import INLINE_ONLY
from proxy.core.messages import DocumentPart, ImagePart, Message
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
