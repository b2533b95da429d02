"""The codec as the pipeline uses it."""

import json
from pathlib import Path

from proxy.codecs.gemini_embed import GeminiEmbedCodec
from proxy.codecs.openai_embeddings import OpenAIEmbeddingsCodec

WIRE = Path(__file__).parents[3] / "wire/gemini_embed"
CODEC = GeminiEmbedCodec()
OPENAI = OpenAIEmbeddingsCodec()


def test_the_client_gets_the_form_it_asked_in() -> None:
    """A vector for embedContent, a list for a batch; OpenAI's client in the encoding that it asked for."""
    body = (WIRE / "answer_batch.json").read_bytes()
    response = CODEC.decode_response(body)
    single = CODEC.decode_request({"model": "m", **json.loads((WIRE / "request_single.json").read_text())}, {})
    assert "embedding" in CODEC.encode_response(response, single).body
    assert CODEC.encode_response(response).body == json.loads(body)
    asked = OPENAI.decode_request({"model": "m", "input": ["a", "b"], "encoding_format": "base64"}, {})
    assert [item["embedding"] for item in OPENAI.encode_response(response, asked).body["data"]] == ["AACAPwAAAMA=", "AAAAPwAAgD4="]
    assert CODEC.encode_request(asked).body["requests"][1]["content"] == {"parts": [{"text": "b"}]}
    assert CODEC.facts(body).vectors == 2


def test_what_it_takes() -> None:
    """Any model, a hundred texts a call."""
    assert CODEC.takes("anything")
    assert (CODEC.max_inputs, CODEC.count({"requests": [{}] * 7})) == (100, 7)


def test_errors_are_those_of_generate_content() -> None:
    """Both ways."""
    body = (WIRE / "error.json").read_bytes()
    info = CODEC.decode_error(404, body, {})
    assert (info.status, info.code) == (404, "NOT_FOUND")
    assert json.loads(CODEC.encode_error(info)) == json.loads(body)
