"""Recorded exchanges through the codecs alone, without HTTP: OpenAI and Anthropic clients at Gemini, and Gemini clients at theirs.

`cross_cases.json` has no case with Gemini, so what is expected is read from the recorded bodies here, by hand and not by the codec.
"""

import base64
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec
from proxy.codecs.gemini_generate import GeminiGenerateCodec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.messages import RefusalPart, TextPart, ToolUsePart
from tests.integration.test_cross_openai_anthropic_offline import _neutral, _neutral_stream, _translated
from tests.support.shared_corpus import corpus, shared_dir

GEMINI = GeminiGenerateCodec()
OTHERS: dict[str, Codec] = {"openai_chat": OpenAIChatCodec(), "anthropic_messages": AnthropicMessagesCodec()}
Neutral = dict[str, Any]

pytestmark = pytest.mark.skipif(
    not (shared_dir() / "recorded").is_dir(), reason="the recorded exchanges are not here (LLM_EDGE_SHARED names their folder)"
)


def answers(protocol: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    for exchange in corpus(protocol):
        if exchange["response"]["status"] == 200:
            yield exchange, exchange["response"]["body_text"].encode()


def asked(exchange: dict[str, Any]) -> dict[str, Any]:
    """The body with what stands in the URL."""
    return {"model": exchange["model"], "stream": exchange["stream"], **exchange["request"]["body"]}


def gemini_neutral(*events: dict[str, Any]) -> Neutral:
    """Of one whole answer, or of a stream's events."""
    text, finish = "", ""
    calls: list[dict[str, Any]] = []
    usage: dict[str, int] = {}
    for event in events:
        usage |= event.get("usageMetadata") or {}
        for candidate in event.get("candidates") or ():
            finish = candidate.get("finishReason") or finish
            for part in (candidate.get("content") or {}).get("parts") or ():
                if "functionCall" in part:
                    calls.append({"name": part["functionCall"]["name"], "args": part["functionCall"].get("args") or {}})
                elif not part.get("thought"):
                    text += part.get("text") or ""
    word = {"STOP": "tool_calls" if calls else "stop", "MAX_TOKENS": "length"}.get(finish, finish)
    return {
        "text": text,
        "calls": calls,
        "finish": word,
        "usage": {
            "in": usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0),
            "out": usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0),
            "cached": usage.get("cachedContentTokenCount", 0),
        },
    }


def gemini_events(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in stream.split(b"\n") if line.startswith(b"data: ")]


@pytest.mark.parametrize("client", OTHERS)
def test_geminis_answers_for_other_clients(client: str) -> None:
    """Text, calls with ids of their own, finish and counts; no client sees a thought as text."""
    codec = OTHERS[client]
    seen = 0
    for exchange, body in answers("gemini"):
        if exchange["stream"]:
            ask = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], "stream": True}
            got = _neutral_stream(client, _translated(codec, GEMINI, body, ask))
            expected = gemini_neutral(*gemini_events(body))
        else:
            got = _neutral(client, json.loads(json.dumps(codec.encode_response(GEMINI.decode_response(body)).body)))
            expected = gemini_neutral(json.loads(body))
        ids = [call.pop("id") for call in got["calls"]]
        assert got == expected, exchange["id"]
        assert all(ids), exchange["id"]
        assert len(ids) == len(set(ids)), exchange["id"]
        seen += 1
    assert seen > 50


@pytest.mark.parametrize("upstream", OTHERS)
def test_other_providers_answers_for_gemini_clients(upstream: str) -> None:
    """The first choice: text, calls, finish and counts, as the provider's own reader sees them."""
    codec = OTHERS[upstream]
    seen = 0
    for exchange, body in answers(upstream):
        if exchange["stream"]:
            decoder, encoder, total = codec.stream_decoder(), GEMINI.stream_encoder(), Accumulator()
            for event in (events := [*decoder.feed(body), *decoder.close()]):
                total.add(event)
            assert total.complete, exchange["id"]
            answer = total.response()
            got = gemini_neutral(*gemini_events(b"".join(encoder.encode(event) for event in events)))
        else:
            answer = codec.decode_response(body)
            got = gemini_neutral(json.loads(json.dumps(GEMINI.encode_response(answer).body)))
        if len(answer.choices) > 1:
            continue
        content, usage = answer.choices[0].content, answer.usage
        assert got["text"] == "".join(part.text for part in content if isinstance(part, TextPart | RefusalPart)), exchange["id"]
        calls = [{"name": part.name, "args": json.loads(part.arguments or "{}")} for part in content if isinstance(part, ToolUsePart)]
        assert got["calls"] == calls, exchange["id"]
        word = {"stop_sequence": "stop", "content_filter": "SAFETY", "refusal": "SAFETY", "pause": "OTHER"}
        assert got["finish"] == ("tool_calls" if calls else word.get(answer.choices[0].finish, answer.choices[0].finish)), exchange["id"]
        if usage is not None:
            assert got["usage"] == {"in": usage.prompt_tokens, "out": usage.output_tokens, "cached": usage.cache_read_tokens}, exchange[
                "id"
            ]
        seen += 1
    assert seen > 50


@pytest.mark.parametrize("upstream", OTHERS)
def test_geminis_requests_survive_other_dialects(upstream: str) -> None:
    """There and back: the same texts, calls and results; what is lost on the way is reported under the client's own paths."""
    codec = OTHERS[upstream]
    for exchange in corpus("gemini"):
        request = GEMINI.decode_request(asked(exchange), {})
        encoded = codec.encode_request(request)
        assert all(path.startswith(("contents", "tools", "toolConfig", "generationConfig")) for path in encoded.dropped), exchange["id"]
        if not encoded.body["messages"]:
            assert exchange["request"]["body"]["contents"] == [{"parts": [{"text": ""}], "role": "user"}]
            continue
        back = codec.decode_request(json.loads(json.dumps(encoded.body)), {})
        again = GEMINI.encode_request(msgspec.structs.replace(back, model=request.model))
        assert said(again.body) == said(exchange["request"]["body"]), exchange["id"]


@pytest.mark.parametrize("client", OTHERS)
def test_other_clients_requests_are_geminis(client: str) -> None:
    """Roles alternate, every response names its call, and the body that came out is one that we would take."""
    for exchange in corpus(client):
        request = OTHERS[client].decode_request(exchange["request"]["body"], {})
        for model in ("gemini-2.5-flash", "gemini-3-pro-preview"):
            body = json.loads(json.dumps(GEMINI.encode_request(msgspec.structs.replace(request, model=model)).body))
            assert GEMINI.encode_request(GEMINI.decode_request(body, {})).body == body
            roles = [content["role"] for content in body["contents"]]
            assert all(one != other for one, other in pairwise(roles)), exchange["id"]
            calls = [part["functionCall"] for content in body["contents"] for part in content["parts"] if "functionCall" in part]
            results = [part["functionResponse"] for content in body["contents"] for part in content["parts"] if "functionResponse" in part]
            named = {(call["id"], call["name"]) for call in calls}
            assert {(result["id"], result["name"]) for result in results} <= named, exchange["id"]


def said(body: dict[str, Any]) -> list[Any]:
    """Texts, calls and results of a Gemini body, in order: what every dialect has."""
    out: list[Any] = []
    for content in body["contents"]:
        for part in content["parts"]:
            if "functionCall" in part:
                out.append(("call", part["functionCall"]["name"], part["functionCall"]["args"]))
            elif "functionResponse" in part:
                out.append(("result", part["functionResponse"]["name"], _plain(part["functionResponse"]["response"])))
            elif part.get("text") and not part.get("thought"):
                out.append(part["text"])
            elif part.get("inlineData", {}).get("mimeType") == "text/plain":
                out.append(base64.b64decode(part["inlineData"]["data"]).decode())  # a document of text, which comes back as text
    return out


def _plain(response: dict[str, Any]) -> Any:
    """`output` and `result` are two words for the same."""
    return next(iter(response.values())) if response.keys() in ({"output"}, {"result"}) else response


@pytest.mark.parametrize("client", OTHERS)
def test_geminis_errors_for_other_clients(client: str) -> None:
    """The status and the provider's words."""
    for exchange in corpus("gemini"):
        recorded = exchange["response"]
        if recorded["status"] != 200:
            error = GEMINI.decode_error(recorded["status"], recorded["body_text"].encode(), recorded["headers"])
            shown = json.loads(OTHERS[client].encode_error(error))["error"]
            assert error.status == recorded["status"]
            assert shown["message"] == json.loads(recorded["body_text"])["error"]["message"]
            assert shown["type"] in ("rate_limit_error", "invalid_request_error", "not_found_error"), shown


@pytest.mark.parametrize("upstream", OTHERS)
def test_other_providers_errors_for_gemini_clients(upstream: str) -> None:
    """The status and the provider's words, in Google's form."""
    for exchange in corpus(upstream):
        recorded = exchange["response"]
        if recorded["status"] != 200:
            error = OTHERS[upstream].decode_error(recorded["status"], recorded["body_text"].encode(), recorded["headers"])
            shown = json.loads(GEMINI.encode_error(error))["error"]
            assert (shown["code"], shown["message"]) == (recorded["status"], error.message)
            assert shown["status"].isupper()
