"""The most tokens that a prompt can have."""

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.prompt_bound import FILE_TOKENS, IMAGE_TOKENS, PER_MESSAGE, PER_REQUEST, UNKNOWN_WINDOW, WITH_TOOLS, prompt_bound

B64 = base64.b64encode(b"x" * 60_000).decode()


def bound(body: dict[str, Any], dialect: str = "openai_chat", image: int | None = None, window: int | None = None) -> int:
    return prompt_bound(body, orjson.dumps(body), dialect).of(image, window)


def user(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_never_less_than_a_token_a_byte(texts: list[str]) -> None:
    """Whatever JSON makes of them."""
    body = {"messages": [{"role": "user", "content": text} for text in texts]}
    size = sum(len(text.encode()) for text in texts)
    assert size + len(texts) * PER_MESSAGE + PER_REQUEST <= bound(body) <= len(orjson.dumps(body)) + len(texts) * PER_MESSAGE + PER_REQUEST


def test_images_count_what_the_catalogue_says() -> None:
    """Not their base64."""
    body = user({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}, {"type": "text", "text": "what is it?"})
    assert 1600 < bound(body, image=1600) < 2000
    assert IMAGE_TOKENS < bound(body) < IMAGE_TOKENS + 500
    assert bound(body, image=1600, window=1000) == 1000


@pytest.mark.parametrize(
    ("part", "dialect", "least"),
    [
        ({"type": "input_audio", "input_audio": {"data": B64, "format": "mp3"}}, "openai_chat", 60_000 // 16),
        ({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{B64}", "filename": "a.pdf"}}, "openai_chat", 60_000),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}, "openai_chat", FILE_TOKENS),
        ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": B64}}, "anthropic_messages", 80_000),
    ],
)
def test_sound_and_files(part: dict[str, Any], dialect: str, least: int) -> None:
    """By their size."""
    assert least <= bound(user(part), dialect) <= least + 500


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        ({"input": "go on", "previous_response_id": "resp_1"}, "openai_responses"),
        ({"input": "go on", "prompt": {"id": "pmpt_1"}}, "openai_responses"),
        (user({"type": "file", "file": {"file_id": "file-1"}}), "openai_chat"),
        (user({"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}}), "anthropic_messages"),
        ({"contents": [{"parts": [{"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v"}}]}]}, "gemini_generate"),
        ({"contents": [], "cachedContent": "cachedContents/1"}, "gemini_generate"),
        ({"messages": [{"role": "user", "content": [{"video": {"source": {"s3Location": {"uri": "s3://b/v"}}}}]}]}, "bedrock_converse"),
    ],
)
def test_what_is_elsewhere_may_fill_the_window(body: dict[str, Any], dialect: str) -> None:
    """Nobody here knows its size."""
    assert bound(body, dialect, window=128_000) == 128_000
    assert bound(body, dialect) == UNKNOWN_WINDOW


def test_tools_come_with_instructions() -> None:
    """Each, and of all dialects."""
    for tools in ({"tools": [{"type": "function", "function": {"name": "f"}}]}, {"toolConfig": {"tools": [{"toolSpec": {"name": "f"}}]}}):
        body = user({"type": "text", "text": "hi"})
        assert bound(body | tools) > bound(body) + WITH_TOOLS
    two = {"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}], "contents": []}
    one = {"tools": [{"functionDeclarations": [{"name": "f", "g": "g"}]}], "contents": []}
    assert bound(two, "gemini_generate") - bound(one, "gemini_generate") >= 64


@given(
    st.lists(st.text(), max_size=3),
    st.sampled_from(["messages", "contents", "input"]),
    st.sampled_from(["openai_chat", "openai_responses"]),
)
def test_a_body_without_media_or_tools_is_not_looked_through(texts: list[str], field: str, dialect: str) -> None:
    """With a word for them after it, it is; and the bound is the same."""
    body = {field: [{"role": "user", "content": text} for text in texts]}
    raw = orjson.dumps(body)
    found, looked = prompt_bound(body, raw, dialect), prompt_bound(body, raw + b" image", dialect)
    assert (found.tokens, found.images, found.open, found.needs) == (looked.tokens - 6, looked.images, looked.open, looked.needs)
