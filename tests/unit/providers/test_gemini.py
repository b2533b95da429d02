"""Google's Gemini API."""

import base64
from typing import Any

import pytest

from proxy.codecs.jsonbody import dump_json
from proxy.providers.base import Outgoing
from proxy.providers.gemini import Gemini
from proxy.providers.key_pool import KeyPool
from proxy.transport.scripted import ScriptedTransport
from tests.unit.providers.outgoing import outgoing


def calling(**more: Any) -> Outgoing:
    return outgoing(**{"dialect": "gemini_generate", **more})


def gemini(base_url: str = "http://up.test", api_version: str | None = None) -> Gemini:
    return Gemini("g", base_url=base_url, keys=KeyPool(["AIza-test"]), transport=ScriptedTransport([]), api_version=api_version)


@pytest.mark.parametrize(
    ("base_url", "version", "expected"),
    [
        ("http://up.test", None, "http://up.test/v1beta"),
        ("http://up.test/", None, "http://up.test/v1beta"),
        ("http://up.test/v1beta", None, "http://up.test/v1beta"),
        ("http://up.test/v1", None, "http://up.test/v1"),
        ("http://up.test/gemini", "v1alpha", "http://up.test/gemini/v1alpha"),
    ],
)
def test_a_base_url_that_names_a_version_keeps_it(base_url: str, version: str | None, expected: str) -> None:
    """Else the configured one is added, or v1beta."""
    assert gemini(base_url, version).url(calling(model="gemini-2.5-pro")) == f"{expected}/models/gemini-2.5-pro:generateContent"


@pytest.mark.parametrize(
    ("model", "stream", "expected"),
    [
        ("gemini-2.5-pro", True, "models/gemini-2.5-pro:streamGenerateContent?alt=sse"),
        ("models/gemini-2.5-pro", False, "models/gemini-2.5-pro:generateContent"),
        ("tunedModels/mine", False, "tunedModels/mine:generateContent"),
        ("a b?c#d", False, "models/a%20b%3Fc%23d:generateContent"),
    ],
)
def test_model_and_stream_are_in_the_url(model: str, stream: bool, expected: str) -> None:
    """A stream is always asked for as events, and a name cannot leave its place in the path."""
    assert gemini().url(calling(model=model, stream=stream)) == f"http://up.test/v1beta/{expected}"


def test_the_client_cannot_add_a_query() -> None:
    """Neither a key nor another form of stream."""
    assert gemini().url(calling(query=b"key=AIza-other&alt=json")) == "http://up.test/v1beta/models/m:generateContent"


def test_the_key_is_a_header() -> None:
    """Not in the URL, which is logged."""
    provider = gemini()
    request = provider.request(calling(), provider.keys.members[0])
    assert dict(request.headers)[b"x-goog-api-key"] == b"AIza-test"
    assert "AIza-test" not in request.url


def test_what_the_url_says_leaves_the_body() -> None:
    """The API refuses a body with `stream`."""
    body: dict[str, Any] = {"model": "m", "stream": True, "contents": [{"parts": [{"text": "hi"}]}]}
    gemini().amend(body, "gemini_generate")
    assert body == {"contents": [{"parts": [{"text": "hi"}]}]}


def test_another_providers_signature_does_not_reach_the_api() -> None:
    """A call keeps its place with the placeholder."""
    wrapped = base64.b64encode(b"\0llm-edge:EqQB").decode()
    call = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": wrapped}
    contents = [{"role": "model", "parts": [call]}]
    body: dict[str, Any] = {"contents": contents}
    gemini().amend(body, "gemini_generate")
    assert body["contents"][0]["parts"][0]["thoughtSignature"] == "skip_thought_signature_validator"
    assert contents[0]["parts"][0] is call
    assert call["thoughtSignature"] == wrapped


def test_it_speaks_one_dialect_of_generation() -> None:
    """Requests of every other are translated to it; embeddings have their own."""
    provider = gemini()
    assert (provider.dialect, provider.dialects) == ("gemini_generate", frozenset({"gemini_generate", "gemini_embed"}))


def embedding(body: dict[str, Any], model: str = "gemini-embedding-001") -> tuple[str, Any]:
    """(URL's end, body) of what goes out."""
    provider, body = gemini(), {"model": model, "stream": False, **body}
    provider.amend(body, "gemini_embed")
    call = outgoing(model=model, dialect="gemini_embed", body=dump_json(body))
    return provider.url(call).removeprefix("http://up.test/v1beta/"), body


def test_one_text_is_embed_content() -> None:
    """Also where a text looks like a batch."""
    content = {"parts": [{"text": '{"requests":[]}'}]}
    assert embedding({"content": content}) == ("models/gemini-embedding-001:embedContent", {"content": content})


@pytest.mark.parametrize("model", ["gemini-embedding-001", "models/gemini-embedding-001"])
def test_several_are_a_batch(model: str) -> None:
    """Each request names the target's model, whatever the client wrote, whose own body stays as it was."""
    request = {"model": "models/other", "content": {"parts": [{"text": "a"}]}}
    url, body = embedding({"extra": 1, "requests": [request, 5]}, model)
    assert url == "models/gemini-embedding-001:batchEmbedContents"
    assert body == {"extra": 1, "requests": [{**request, "model": "models/gemini-embedding-001"}, 5]}
    assert request["model"] == "models/other"


def test_tokens_are_counted_beside_answers() -> None:
    """The same model's other method."""
    assert gemini().count_url("models/gemini-x", b"key=k") == "http://up.test/v1beta/models/gemini-x:countTokens"
