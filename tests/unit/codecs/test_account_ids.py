"""Which field of a request names an object in the provider's account."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.account_ids import named_object
from proxy.codecs.jsonbody import parse_object

FOUND: list[tuple[str, dict[str, Any]]] = [
    ("messages[0].content[1].file.file_id", {"messages": [{"role": "user", "content": ["x", {"type": "file", "file": {"file_id": "f"}}]}]}),
    ("messages[1].audio.id", {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "audio": {"id": "audio_1"}}]}),
    ("messages[0].audio.id", {"messages": [{"content": "x", "audio": {"id": "audio_1"}}]}),
    ("audio.voice.id", {"audio": {"format": "wav", "voice": {"id": "voice_1"}}}),
    ("messages[0].content[0].image_url.url", {"messages": [{"content": [{"image_url": {"url": "GS://bucket/a.png"}}]}]}),
    ("data_sources", {"data_sources": [{"type": "azure_search", "parameters": {}}]}),
    ("conversation", {"conversation": "conv_1"}),
    ("conversation.id", {"conversation": {"id": "conv_1"}}),
    ("prompt.id", {"prompt": {"id": "pmpt_1", "variables": {}}}),
    ("input[0]", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
    ("input[0].id", {"input": [{"id": "msg_1"}]}),
    ("input[0].id", {"input": [{"id": "msg_1", "type": None}]}),
    ("input[0].content[0].file_id", {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}),
    ("input[0].output[0].file_id", {"input": [{"type": "function_call_output", "output": [{"type": "input_file", "file_id": "f"}]}]}),
    ("input[0].container_id", {"input": [{"type": "code_interpreter_call", "id": "ci_1", "container_id": "cntr_1"}]}),
    ("tools[0].vector_store_ids", {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}),
    ("tools[0].container", {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}),
    ("tools[0].container.file_ids", {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["f"]}}]}),
    ("input[0].content[0].file_id", {"type": "tool_use", "toolUseId": "t", "input": [{"role": "user", "content": [{"file_id": "f"}]}]}),
    ("messages[0].content[0].source.file_id", {"messages": [{"content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]}),
    ("messages[0].content[0].file_id", {"messages": [{"content": [{"type": "container_upload", "file_id": "f"}]}]}),
    ("container", {"container": "container_1"}),
    ("container.id", {"container": {"id": "container_1", "skills": []}}),
    ("container.skills[1].skill_id", {"container": {"skills": [{"type": "anthropic", "skill_id": "pdf"}, {"skill_id": "s"}]}}),
    ("cachedContent", {"cachedContent": "cachedContents/1"}),
    ("cached_content", {"cached_content": "cachedContents/1"}),
    ("contents[0].parts[0].fileData.fileUri", {"contents": [{"parts": [{"fileData": {"fileUri": "files/1"}}]}]}),
    ("contents[0].parts[0].file_data.file_uri", {"contents": [{"parts": [{"file_data": {"file_uri": "gs://b/o"}}]}]}),
    ("tools[0].fileSearch.fileSearchStoreNames", {"tools": [{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/1"]}}]}),
    ("tools[0].retrieval", {"tools": [{"retrieval": {"vertexAiSearch": {"datastore": "d"}}}]}),
    (
        "messages[0].content[0].document.source.s3Location",
        {"messages": [{"content": [{"document": {"source": {"s3Location": {"uri": "s3://b/k"}}}}]}]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), FOUND, ids=lambda value: value if isinstance(value, str) else "")
def test_each_is_named_by_its_path(path: str, body: dict[str, Any]) -> None:
    """As the client wrote it."""
    assert named_object(body) == path


URI = "https://generativelanguage.googleapis.com/v1beta/files/1"


@pytest.mark.parametrize(
    "uri",
    [
        URI,
        URI.upper(),
        f" {URI}",
        URI.replace("com/", "com:443/"),
        URI.replace("com/", "com./"),
        URI.replace("https://", "https://x@"),
        URI.replace("https://", "https://["),
        URI.replace("https://", "https:\\\\"),
        URI.replace("googleapis.com", "googleapis.com\u3002"),
        "https://us-aiplatform.googleapis.com/x",
        "s3://bucket/key",
        "gs://bucket/object",
    ],
)
def test_addresses_that_the_account_opens(uri: str) -> None:
    """Google's own stores and buckets, however they are spelled, in a field that another dialect turns into a reference too."""
    for field in ("fileUri", "file_uri", "url", "image_url", "file_url", "uri"):
        assert named_object({"a": {field: uri}}) == f"a.{field}"


FREE: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "file_id container cachedContent"}], "model": "gpt-4o"},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]},
    {"messages": [{"role": "user", "content": [{"image_url": {"url": "https://storage.googleapis.com/public/googleapis.png"}}]}]},
    {"contents": [{"parts": [{"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}}]}]},
    {"contents": [{"parts": [{"fileData": {"fileUri": ""}}, {"fileData": {"fileUri": 5}}]}]},
    {"contents": [{"parts": [{"functionCall": {"name": "f", "args": {"file_id": "mine"}}}]}]},
    {"contents": [{"parts": [{"functionResponse": {"name": "f", "response": {"file_id": "mine"}}}]}]},
    {"messages": [{"content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"file_id": "mine", "url": "s3://mine"}}]}]},
    {"messages": [{"content": [{"type": "server_tool_use", "id": "t", "name": "f", "input": {"file_id": "mine"}}]}]},
    {"messages": [{"content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": {"file_id": "mine"}}}]}]},
    {"messages": [{"content": [{"toolResult": {"toolUseId": "t", "content": [{"json": {"file_id": "mine"}}]}}]}]},
    {"tools": [{"type": "function", "name": "f", "parameters": {"properties": {"file_id": {"type": "string", "default": "x"}}}}]},
    {"tools": [{"name": "f", "input_schema": {"properties": {"x": {"default": {"file_id": "x"}}}}}]},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": {"examples": [{"file_id": "x"}]}}}},
    {"metadata": {"file_id": "x", "conversation": "x", "container": "x"}},
    {"input": [{"role": "assistant", "content": [{"type": "output_text", "text": "x", "annotations": [{"file_id": "f"}]}]}]},
    {"input": [{"id": "msg_1", "type": "message", "role": "assistant", "content": []}, {"id": "m", "role": "user", "content": "x"}]},
    {"input": [{"id": "rs_1", "type": "reasoning", "summary": []}], "previous_response_id": "resp_1"},
    {"input": "x", "conversation": None, "prompt": None, "container": None},
    {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
    {"container": {"skills": [{"type": "anthropic", "skill_id": "pdf"}]}, "audio": {"voice": "alloy", "format": "wav"}},
    {"prompt": ["legacy", "texts"], "file_id": "", "file_ids": [], "s3Location": {}},
    {"tools": [{"type": "mcp", "server_url": "https://mcp.example.com", "authorization": "token"}]},
]  # fmt: skip


@pytest.mark.parametrize("body", FREE, ids=lambda body: ",".join(body))
def test_the_clients_own_data_is_none(body: dict[str, Any]) -> None:
    """Arguments, schemas, metadata, texts, public addresses; empty fields say nothing."""
    assert named_object(body) is None


KEYS = ["messages", "content", "a", "input", "tools", "source", "file", "role", "type", "output", "items", "text", "response", "name"]
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5))


@st.composite
def nested(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A body with one file id at some depth beside other things, and its path."""
    node: Any = {"file_id": "file-1"}
    path = "file_id"
    for _ in range(draw(st.integers(0, 6))):
        if draw(st.booleans()):
            before = draw(st.lists(LEAVES, max_size=2))
            node, path = [*before, node, *draw(st.lists(LEAVES, max_size=2))], f"[{len(before)}]{'' if path[0] == '[' else '.'}{path}"
        else:
            key = draw(st.sampled_from([k for k in KEYS if k != "response"]))
            others = {f"x{n}": value for n, value in enumerate(draw(st.lists(LEAVES, max_size=3)))}
            node, path = {**others, key: node}, key + ("" if path[0] == "[" else ".") + path
    if isinstance(node, list):
        node, path = {"a": node}, "a" + path
    return node, path


@settings(max_examples=300, derandomize=True, deadline=None)
@given(nested())
def test_an_id_at_any_depth_is_found(made: tuple[dict[str, Any], str]) -> None:
    """Under whatever fields and beside whatever else; the path leads to it."""
    body, path = made
    assert named_object(body) == path
    at: Any = body
    for step in re.findall(r"\w+|\[\d+\]", path):
        at = at[int(step[1:-1])] if step[0] == "[" else at[step]
    assert at == "file-1"


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.sampled_from(["file_id", "container", "cachedContent", "vector_store_ids", "conversation"]), st.data())
def test_no_spelling_hides_a_name(name: str, data: st.DataObject) -> None:
    """Any of its letters as a JSON escape, in either case."""
    spelled = "".join(data.draw(st.sampled_from([c, f"\\u{ord(c):04x}", f"\\u{ord(c):04X}"]), label=c) for c in name)
    value = '["x"]' if name == "vector_store_ids" else '"x"'
    raw = f'{{"model": "m", "messages": [{{"role": "user", "content": "hi"}}], "{spelled}": {value}}}'.encode()
    assert named_object(parse_object(raw)) == name


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "file_id", "prompt"]), inner, max_size=4),
    )
)
def test_it_never_fails(value: Any) -> None:
    """Whatever the shape: what is wrong with it is for others to say."""
    named_object({"messages": value, "input": value})
    named_object(json.loads(json.dumps({"x": value})))


@pytest.mark.parametrize(
    ("more", "path"),
    [
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "audio": {"id": "a"}}]},
            "messages[1].audio.id",
        ),
        ({"messages": [{"content": "x", "file_id": "f"}]}, "messages[0].file_id"),
        ({"messages": [{"role": "user", "content": [{"file_id": "f"}]}]}, "messages[0].content[0].file_id"),
        ({"messages": [{"role": "user", "content": "x"}], "container": "c"}, "container"),
        ({"messages": {"file_id": "f"}}, "messages.file_id"),
    ],
)
def test_what_looks_plain_but_for_one_thing_is_looked_at(more: dict[str, Any], path: str) -> None:
    """The short way is for turns of a role and a text alone."""
    assert named_object({"model": "m", **more}) == path
    assert named_object({"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 2}) is None
