"""What a request needs of a model, by a look at its body."""

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.needs import CAPS, NESTED_CAPS, needs_of, output_cap, prompt_tokens, user_text
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.estimate import estimated_tokens
from proxy.core.needs import AUDIO, JSON, PDF, REASONING, TOOLS, VISION

DATA = base64.b64encode(b"x" * 3000).decode()


def turn(*parts: Any, name: str = "messages", field: str = "content") -> dict[str, Any]:
    return {name: [{"role": "user", field: list(parts)}]}


CHAT = {"messages": [{"role": "user", "content": "hi"}]}
CASES: list[tuple[str, dict[str, Any], int]] = [
    ("chat", CHAT, 0),
    ("chat image", turn({"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "http://x/a.png"}}), VISION),
    ("chat audio", turn({"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}), AUDIO),
    ("chat file", turn({"type": "file", "file": {"file_data": DATA}}), PDF),
    ("chat tools", {**CHAT, "tools": [{"type": "function"}]}, TOOLS),
    ("chat functions", {**CHAT, "functions": [{"name": "f"}]}, TOOLS),
    ("chat no tools", {**CHAT, "tools": []}, 0),
    ("chat json", {**CHAT, "response_format": {"type": "json_object"}}, JSON),
    ("chat text", {**CHAT, "response_format": {"type": "text"}}, 0),
    ("chat reasoning", {**CHAT, "reasoning_effort": "low"}, REASONING),
    ("chat no reasoning", {**CHAT, "reasoning_effort": "none"}, 0),
    ("chat speaks", {**CHAT, "modalities": ["text", "audio"]}, AUDIO),
    ("responses text", {"input": "hi", "text": {"format": {"type": "text"}}}, 0),
    ("responses json", {"input": "hi", "text": {"format": {"type": "json_schema", "schema": {}}}}, JSON),
    ("responses image", turn({"type": "input_image", "image_url": "http://x"}, name="input"), VISION),
    ("responses file", turn({"type": "input_file", "file_id": "f"}, name="input"), PDF),
    (
        "responses output",
        {"input": [{"type": "function_call_output", "output": [{"type": "input_image", "image_url": "http://x"}]}]},
        VISION,
    ),
    ("responses reasoning", {"input": "hi", "reasoning": {"effort": "high"}}, REASONING),
    ("messages image", turn({"type": "image", "source": {"type": "base64", "data": DATA}}), VISION),
    ("messages pdf", turn({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": DATA}}), PDF),
    ("messages text document", turn({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}), 0),
    ("messages result", turn({"type": "tool_result", "content": [{"type": "image", "source": {"type": "url", "url": "u"}}]}), VISION),
    ("messages call", turn({"type": "tool_use", "input": {"type": "image"}, "content": [{"type": "image"}]}), 0),
    ("messages thinking", {**CHAT, "thinking": {"type": "enabled", "budget_tokens": 1024}}, REASONING),
    ("messages no thinking", {**CHAT, "thinking": {"type": "disabled"}}, 0),
    ("messages json", {**CHAT, "output_config": {"format": {"type": "json_schema"}}}, JSON),
    ("converse image", turn({"image": {"format": "png", "source": {"bytes": DATA}}}), VISION),
    ("converse audio", turn({"audio": {"format": "wav", "source": {"bytes": DATA}}}), AUDIO),
    ("converse pdf", turn({"document": {"format": "pdf", "source": {"bytes": DATA}}}), PDF),
    ("converse csv", turn({"document": {"format": "csv", "source": {"bytes": DATA}}}), 0),
    ("converse result", turn({"toolResult": {"content": [{"image": {"source": {"bytes": DATA}}}]}}), VISION),
    ("converse result text", turn({"toolResult": {"content": [{"json": {"image": {}}}]}}), 0),
    ("converse tools", {**CHAT, "toolConfig": {"tools": [{"toolSpec": {}}]}}, TOOLS),
    ("converse thinking", {**CHAT, "additionalModelRequestFields": {"thinking": {"type": "enabled"}}}, REASONING),
    ("gemini image", turn({"inlineData": {"mimeType": "image/png", "data": DATA}}, name="contents", field="parts"), VISION),
    ("gemini audio", turn({"file_data": {"mime_type": "audio/wav", "file_uri": "u"}}, name="contents", field="parts"), AUDIO),
    ("gemini pdf", turn({"inline_data": {"mime_type": "application/pdf", "data": DATA}}, name="contents", field="parts"), PDF),
    ("gemini video", turn({"fileData": {"mimeType": "video/mp4"}}, name="contents", field="parts"), 0),
    ("gemini no type", turn({"fileData": {"fileUri": "u"}}, name="contents", field="parts"), 0),
    ("gemini json", {"contents": [], "generationConfig": {"responseMimeType": "application/json"}}, JSON),
    ("gemini schema", {"contents": [], "generation_config": {"responseSchema": {}}}, JSON),
    ("gemini thinking", {"contents": [], "generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}}, REASONING),
    ("gemini no thinking", {"contents": [], "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}, 0),
    ("completions", {"prompt": "hi"}, 0),
    ("titan", {"inputText": "hi"}, 0),
    ("nonsense", {"messages": [3, {"content": [3, {"type": 4}, {"image": 5}, {"toolResult": 1}]}], "text": 3, "toolConfig": 1}, 0),
]


@pytest.mark.parametrize(("body", "needs"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_needs(body: dict[str, Any], needs: int) -> None:
    """In every dialect; arguments and results that only look like media are none; what is wrong is passed over."""
    assert needs_of(body) == needs


@pytest.mark.parametrize(
    ("body", "cap"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
        ({"max_output_tokens": 5}, 5),
        ({"max_gen_len": 5}, 5),
        ({"inferenceConfig": {"maxTokens": 5}}, 5),
        ({"generationConfig": {"maxOutputTokens": 5}}, 5),
        ({"generation_config": {"max_output_tokens": 5}}, 5),
        ({"textGenerationConfig": {"maxTokenCount": 5}}, 5),
        ({"max_tokens": None}, 0),
        ({"max_tokens": "5"}, 0),
        ({"inferenceConfig": 3}, 0),
        ({}, 0),
    ],
)
def test_the_clients_cap(body: dict[str, Any], cap: int) -> None:
    """Wherever the dialect has it."""
    assert output_cap(body) == cap


def rough(body: dict[str, Any]) -> int:
    return prompt_tokens(body, len(orjson.dumps(body)), needs_of(body))


@pytest.mark.parametrize("words", [40, 400, 4000])
def test_a_plain_prompt_is_about_what_decoding_would_say(words: int) -> None:
    """Within a fifth, for long ones less."""
    body = {"model": "m", "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "a few words " * words}]}
    exact = estimated_tokens(OpenAIChatCodec().decode_request(body, {}))
    assert abs(rough(body) - exact) / exact < (0.2 if words < 100 else 0.03)


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (turn({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA * 9}"}}), 1600),
        (turn({"type": "tool_result", "content": [{"type": "image", "source": {"type": "base64", "data": DATA * 9}}]}), 1600),
        (turn({"image": {"source": {"bytes": DATA * 9}}}, {"image": {"source": {"bytes": DATA}}}), 3200),
        (turn({"toolResult": {"content": [{"image": {"source": {"bytes": DATA * 9}}}]}}), 1600),
        (turn({"type": "input_audio", "input_audio": {"data": DATA * 9}}), 27),
        (turn({"inlineData": {"mimeType": "application/pdf", "data": DATA * 30}}, name="contents", field="parts"), 4000),
    ],
)
def test_media_count_for_what_they_are(body: dict[str, Any], tokens: int) -> None:
    """Not for the size of their base64; a little comes on top for the JSON around."""
    assert tokens <= rough(body) <= tokens + 60


def test_audio_that_the_answer_is_to_be_is_no_prompt() -> None:
    """The need is there, and nothing to count."""
    assert rough({**CHAT, "modalities": ["audio"]}) < 30


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "system", "content": "SYSTEM"}, {"role": "user", "content": "One"}, {"role": "user", "content": "TWO"}]},
        turn({"type": "text", "text": "One"}, {"type": "image_url"}, {"type": "text", "text": "Two"}),
        turn({"text": "One"}, {"image": {}}, {"text": "Two"}),
        {"contents": [{"parts": [{"text": "One"}, {"text": "Two"}]}, {"role": "model", "parts": [{"text": "no"}]}]},
        {"input": "One\ntwo"},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "One"}]}, {"role": "user", "content": "Two"}]},
        {"prompt": ["One", "Two"]},
        {"inputText": "One\nTwo"},
        {"messages": [{"role": "user", "content": ["One", "Two", 3]}, 4, {"role": "user"}]},
    ],
)
def test_what_the_user_wrote(body: dict[str, Any]) -> None:
    """In lower case; neither the system's words nor the model's."""
    assert user_text(body) == "one\ntwo"


values: st.SearchStrategy[Any] = st.sampled_from([5, 0, -1, True, "9", None, {}])
nested = st.dictionaries(st.sampled_from([name for _, name in NESTED_CAPS]), values, max_size=2)


@given(
    st.dictionaries(st.sampled_from(("model", *CAPS)), values, max_size=2),
    st.dictionaries(st.sampled_from([n for n, _ in NESTED_CAPS]), nested),
)
def test_a_body_that_says_nothing_of_a_cap_is_not_looked_through(flat: dict[str, Any], holders: dict[str, Any]) -> None:
    """With a field that says nothing beside it, it is; and the answer is the same."""
    body = {**flat, **holders}
    assert output_cap(body) == output_cap({"textGenerationConfig": None, "max_gen_len": None, **body})
