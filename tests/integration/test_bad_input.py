"""What clients send that no provider could use, at every generation door: 4xx in the door's error shape, naming the place.

Two lanes at each door. To a provider of its dialect a body passes undecoded: what is refused there is what is wrong in any dialect (no
JSON, no model, numbers that cannot be written again); the rest is that provider's to judge, and reaches it. To any other provider it is
translated: then all that is wrong with it is the gateway's to find.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from tests.support.doors import DOORS, Door, one_each, refusal
from tests.support.gateway import Running, running
from tests.support.upstream import Upstream, json_answer

pytestmark = pytest.mark.allow_tasks("the gateway stands outside of the test, with its connections to the upstream")

JSON = {"content-type": "application/json"}
REACHED = "the provider's own judgement"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
PROSE = base64.b64encode(b"some words, and no image").decode()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        up.on(json_answer({"message": REACHED, "error": {"message": REACHED, "type": "x"}}, 422))
        yield up


@pytest.fixture
async def edge(upstream: Upstream) -> AsyncIterator[Running]:
    async with running(one_each(upstream.url)) as started:
        yield started


async def post(edge: Running, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await edge.client.post(path, content=raw, headers=JSON if headers is None else headers)


def put(body: dict[str, Any], steps: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with the value at that path."""
    first, *rest = steps
    return {**body, first: put(body.get(first) or {}, tuple(rest), value) if rest else value}


async def in_both_lanes(edge: Running, name: str, change: Callable[[Door, dict[str, Any]], Any], **more: Any) -> list[httpx2.Response]:
    """The answers of the provider that speaks the dialect and of another one, whole and streamed."""
    door = DOORS[name]
    answers = []
    for model in (door.provider, door.other):
        for stream in (False, True):
            path, body = door.ask(model, stream=stream)
            answers.append(await post(edge, path, change(door, body), **more))
    return answers


def replacing(**fields: Any) -> Callable[[Door, dict[str, Any]], dict[str, Any]]:
    return lambda door, body: {**body, **fields}


def sending(raw: bytes) -> Callable[[Door, dict[str, Any]], bytes]:
    return lambda door, body: raw


def is_refused(name: str, answer: httpx2.Response, says: str, status: int = 400) -> None:
    told = refusal(name, answer)
    assert answer.status_code == status, told
    assert says in told
    assert answer.headers["x-llm-edge-error-source"] == "gateway"
    assert answer.headers["x-should-retry"] == "false"


def raw_json(body: dict[str, Any], more: bytes) -> bytes:
    """`more` as a further member, whatever it is."""
    return json.dumps(body).encode()[:-1] + b"," + more + b"}"


NOT_JSON: dict[str, tuple[Callable[[dict[str, Any]], bytes], str]] = {
    "empty": (lambda body: b"", "empty"),
    "blank": (lambda body: b" \n ", "empty"),
    "an array": (lambda body: b"[1]", "not an array"),
    "a string": (lambda body: b'"x"', "not a string"),
    "null": (lambda body: b"null", "not null"),
    "half": (lambda body: json.dumps(body).encode()[:-3], "line 1 column"),
    "two": (lambda body: json.dumps(body).encode() * 2, "line 1 column"),
    "not UTF-8": (lambda body: raw_json(body, b'"x":"\xff"'), "not UTF-8"),
    "NaN": (lambda body: raw_json(body, b'"temperature":NaN'), "line 1 column"),
    "Infinity": (lambda body: raw_json(body, b'"temperature":-Infinity'), "line 1 column"),
    "a number beyond doubles": (lambda body: raw_json(body, b'"temperature":1e999'), "number"),
    "an integer beyond 64 bits": (lambda body: raw_json(body, b'"novel":{"x":[%d]}' % 2**70), "novel.x[0]"),
    "a negative one": (lambda body: raw_json(body, b'"novel":{"x":[%d]}' % -(2**70)), "novel.x[0]"),
    "a lone surrogate": (lambda body: raw_json(body, b'"x":"\\ud800"'), "surrogate"),
    "a lone surrogate in a key": (lambda body: raw_json(body, b'"\\udfff":1'), "surrogate"),
    "129 levels": (lambda body: raw_json(body, b'"x":' + b"[" * 128 + b"]" * 128), "deeper than 128"),
    "a hundred thousand levels": (lambda body: b"[" * 100_000 + b"]" * 100_000, "deeper than 128"),
    "an endless beginning": (lambda body: b'{"a":' * 50_000, "deeper than 128"),
}


@pytest.mark.parametrize("case", list(NOT_JSON))
@pytest.mark.parametrize("name", list(DOORS))
async def test_what_is_no_json_object(upstream: Upstream, edge: Running, name: str, case: str) -> None:
    """Is refused with its place, in both lanes, before any call."""
    make, says = NOT_JSON[case]
    for answer in await in_both_lanes(edge, name, lambda door, body: make(body)):
        is_refused(name, answer, says)
    assert upstream.calls == []


@pytest.mark.parametrize("name", list(DOORS))
async def test_wrong_content_types(upstream: Upstream, edge: Running, name: str) -> None:
    """415, naming the header; no content type at all, or one with a charset, is taken."""
    for media in ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/octet-stream", "x"):
        for answer in await in_both_lanes(edge, name, lambda door, body: body, headers={"content-type": media}):
            is_refused(name, answer, "content-type", 415)
    assert upstream.calls == []
    for headers in ({}, {"content-type": "application/json; charset=utf-8"}):
        for answer in await in_both_lanes(edge, name, lambda door, body: body, headers=headers):
            assert REACHED in answer.text


def _prompt(door: Door) -> str:
    return next(field for field in door.body if field not in ("max_tokens",))


@pytest.mark.parametrize("value", [5, {}, True, "", [5], [None], [[]], None, []])
@pytest.mark.parametrize("name", list(DOORS))
async def test_what_is_no_conversation(upstream: Upstream, edge: Running, name: str, value: Any) -> None:
    """By the field, or the item of it; where the dialect allows the value, it is no mistake."""
    if (name, json.dumps(value)) in _ALLOWED:
        return
    field = _prompt(DOORS[name])
    passed = name == "gemini" and isinstance(value, list) and value  # its items are the provider's to judge
    answers = await in_both_lanes(edge, name, lambda door, body: {**body, field: value})
    for answer in answers[2:] if passed else answers:
        is_refused(name, answer, field)
    assert len(upstream.calls) == (2 if passed else 0)


_ALLOWED = {
    ("responses", '""'),
    ("responses", "[]"),
    ("completions", "null"),
    ("completions", '""'),
    ("completions", "[5]"),
}
"""An empty input; a prompt of tokens, or none."""


@pytest.mark.parametrize("name", list(DOORS))
async def test_a_field_that_is_not_there(upstream: Upstream, edge: Running, name: str) -> None:
    """The conversation, and the model where the body says it."""
    field = _prompt(DOORS[name])
    if name != "completions":
        for answer in await in_both_lanes(edge, name, lambda door, body: {key: value for key, value in body.items() if key != field}):
            is_refused(name, answer, field)
    if not DOORS[name].in_path:
        values: tuple[Any, ...] = (None, "", 5, {}, [])
        for value in values:
            for answer in await in_both_lanes(edge, name, replacing(model=value)):
                is_refused(name, answer, "model")
    assert upstream.calls == []


@pytest.mark.parametrize("value", [-1, 0, "many", 1.5, True, [], {}])
@pytest.mark.parametrize("name", list(DOORS))
async def test_a_limit_that_is_none(upstream: Upstream, edge: Running, name: str, value: Any) -> None:
    """By its path. (Legacy completions take 0: with `echo` the prompt's own log probabilities.)"""
    if (name, value) == ("completions", 0):
        return
    for answer in await in_both_lanes(edge, name, lambda door, body: put(body, door.limit, value)):
        is_refused(name, answer, ".".join(DOORS[name].limit))
    assert upstream.calls == []


@pytest.mark.parametrize("value", [0, -1, "two", 1.5])
@pytest.mark.parametrize(("name", "steps"), [("chat", ("n",)), ("completions", ("n",)), ("gemini", ("generationConfig", "candidateCount"))])
async def test_a_number_of_answers_that_is_none(upstream: Upstream, edge: Running, name: str, steps: tuple[str, ...], value: Any) -> None:
    """By its path."""
    for answer in await in_both_lanes(edge, name, lambda door, body: put(body, steps, value)):
        is_refused(name, answer, ".".join(steps))
    assert upstream.calls == []


@pytest.mark.parametrize("value", ["yes", 1, []])
@pytest.mark.parametrize("name", [name for name, door in DOORS.items() if not door.in_path])
async def test_a_wish_for_a_stream_that_is_none(upstream: Upstream, edge: Running, name: str, value: Any) -> None:
    """By its path; the client would wait for the wrong thing."""
    for answer in await in_both_lanes(edge, name, lambda door, body: {**body, "stream": value}):
        is_refused(name, answer, "stream")
    assert upstream.calls == []


def _turns(name: str, user: list[Any], assistant: list[Any] | None = None, last: list[Any] | None = None) -> dict[str, Any]:
    """A conversation of blocks in the dialect's own form; the later turns may be left out."""
    roles = ("user", "model" if name == "gemini" else "assistant", "user")
    field, content = ("contents", "parts") if name == "gemini" else ("messages", "content")
    turns = [{"role": role, content: blocks} for role, blocks in zip(roles, (user, assistant, last), strict=True) if blocks is not None]
    return {field: turns}


def _said(name: str) -> list[Any]:
    return [{"type": "text", "text": "x"}] if name in ("chat", "messages") else [{"text": "x"}]


def image(name: str, data: str, media: str) -> dict[str, Any]:
    if name == "responses":
        return {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": f"data:{media};base64,{data}"}]}]}
    blocks: dict[str, Any] = {
        "chat": {"type": "image_url", "image_url": {"url": f"data:{media};base64,{data}"}},
        "messages": {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}},
        "converse": {"image": {"format": media.removeprefix("image/"), "source": {"bytes": data}}},
        "gemini": {"inlineData": {"mimeType": media, "data": data}},
    }
    return _turns(name, [blocks[name]])


def tools(name: str, calls: list[str], results: list[str], arguments: Any = None) -> dict[str, Any]:
    """A turn of calls and one of results, by their ids."""
    text = arguments if isinstance(arguments, str) else "{}"
    given = {} if arguments is None else arguments
    if name == "responses":
        made = [{"type": "function_call", "call_id": i, "name": "f", "arguments": text} for i in calls]
        told = [{"type": "function_call_output", "call_id": i, "output": "r"} for i in results]
        return {"input": [{"role": "user", "content": "x"}, *made, *told]}
    if name == "chat":
        called = [{"id": i, "type": "function", "function": {"name": "f", "arguments": text}} for i in calls]
        asked = [{"role": "assistant", "content": None, "tool_calls": called}] if calls else []
        return {
            "messages": [{"role": "user", "content": "x"}, *asked, *({"role": "tool", "tool_call_id": i, "content": "r"} for i in results)]
        }
    call: dict[str, Callable[[str], Any]] = {
        "messages": lambda i: {"type": "tool_use", "id": i, "name": "f", "input": given},
        "converse": lambda i: {"toolUse": {"toolUseId": i, "name": "f", "input": given}},
        "gemini": lambda i: {"functionCall": {"id": i, "name": "f", "args": given}},
    }
    result: dict[str, Callable[[str], Any]] = {
        "messages": lambda i: {"type": "tool_result", "tool_use_id": i, "content": "r"},
        "converse": lambda i: {"toolResult": {"toolUseId": i, "content": [{"text": "r"}]}},
        "gemini": lambda i: {"functionResponse": {"id": i, "name": "f", "response": {}}},
    }
    made = [call[name](i) for i in calls] if calls else _said(name)
    return _turns(name, _said(name), made, [result[name](i) for i in results])


def unknown_role(name: str) -> dict[str, Any]:
    turn = {"role": "boss", ("parts" if name == "gemini" else "content"): "x" if name == "responses" else _said(name)}
    return {_prompt(DOORS[name]): [turn]}


FIRST = {"chat": "messages[0].content[0]", "messages": "messages[0].content[0]", "responses": "input[0].content[0]"}
PLACES: dict[str, dict[str, str]] = {
    "image": {**FIRST, "converse": "messages[0].content[0]", "gemini": "contents[0].parts[0]"},
    "role": {"gemini": "contents[0].role", "responses": "input[0].role"},
    "result": {"chat": "messages[2]", "responses": "input[2]", "gemini": "contents[2].parts[0]"},
    "second call": {
        "chat": "messages[1].tool_calls[1]",
        "responses": "input[2]",
        "gemini": "contents[1].parts[1]",
    },
    "arguments": {
        "chat": "messages[1].tool_calls[0].function.arguments",
        "messages": "messages[1].content[0].input",
        "converse": "messages[1].content[0].toolUse.input",
        "gemini": "contents[1].parts[0].functionCall.args",
    },
}
_USUAL = {"role": "messages[0].role", "result": "messages[2].content[0]", "second call": "messages[1].content[1]"}

CONTENT: dict[str, tuple[Callable[[str], dict[str, Any]], str]] = {
    "unknown role": (unknown_role, "role"),
    "invalid base64": (lambda name: image(name, "@@@@", "image/png"), "image"),
    "half of base64": (lambda name: image(name, PNG[:-1], "image/png"), "image"),
    "an empty image": (lambda name: image(name, "", "image/png"), "image"),
    "an image that is none": (lambda name: image(name, PROSE, "text/plain"), "image"),
    "result without its call": (lambda name: tools(name, ["a"], ["b"]), "result"),
    "two calls of one id": (lambda name: tools(name, ["a", "a"], ["a"]), "second call"),
    "arguments that are no object": (lambda name: tools(name, ["a"], ["a"], "{oops"), "arguments"),
}


@pytest.mark.parametrize("case", list(CONTENT))
@pytest.mark.parametrize("name", [name for name in DOORS if name != "completions"])
async def test_what_is_wrong_with_content(upstream: Upstream, edge: Running, name: str, case: str) -> None:
    """Is named by its place where it is translated; a provider of the dialect judges it itself."""
    make, place = CONTENT[case]
    where = PLACES.get(place, {}).get(name) or _USUAL.get(place)
    answers = await in_both_lanes(edge, name, lambda door, body: {**body, **make(name)})
    for answer in answers[:2]:
        assert REACHED in answer.text
    if where is None or (name, case) in _LENIENT:
        for answer in answers[2:]:
            assert REACHED in answer.text
        return
    for answer in answers[2:]:
        is_refused(name, answer, where)
    assert len(upstream.calls) == 2


_LENIENT = {("gemini", "half of base64"), ("gemini", "an image that is none"), ("converse", "an image that is none")}
"""Gemini's base64 needs no padding, and what is labelled as a text is one; Converse has a word of its own for the format."""


async def test_a_responses_call_with_broken_arguments(edge: Running) -> None:
    """From string to string they pass, as the model wrote them; a target that wants JSON cannot be told them."""
    path, body = DOORS["responses"].ask("anthropic", **tools("responses", ["a"], ["a"], "{oops"))
    is_refused("responses", await post(edge, path, body), "input[1].arguments")


@pytest.mark.parametrize("name", ["chat", "messages", "responses"])
@pytest.mark.parametrize(
    ("media", "sent"), [("image/jpeg", "image/jpeg"), ("text/html", "image/png"), ("application/octet-stream", "image/png")]
)
async def test_an_image_with_a_wrong_label(upstream: Upstream, edge: Running, name: str, media: str, sent: str) -> None:
    """Keeps it, where it is an image's: recorded providers take the bytes, or refuse the difference in their own words. Else it gets
    the one that fits."""
    target = "chat" if name == "messages" else "anthropic"
    path, body = DOORS[name].ask(target, **image(name, PNG, media))
    assert REACHED in (await post(edge, path, body)).text
    (call,) = upstream.calls
    (turn,) = call.json["messages"]
    (block,) = turn["content"]
    expected: dict[str, Any] = {"type": "image", "source": {"type": "base64", "media_type": sent, "data": PNG}}
    if target == "chat":
        expected = {"type": "image_url", "image_url": {"url": f"data:{sent};base64,{PNG}"}}
    assert block == expected


@pytest.mark.parametrize("name", ["chat", "messages", "converse", "gemini"])
async def test_two_turns_of_one_role_are_no_mistake(edge: Running, name: str) -> None:
    """APIs differ; what is meant is plain."""
    turn = _turns(name, _said(name))
    ((field, turns),) = turn.items()
    for answer in await in_both_lanes(edge, name, lambda door, body: {**body, field: turns * 3}):
        assert REACHED in answer.text


@pytest.mark.parametrize("name", list(DOORS))
async def test_enormous_arrays(edge: Running, name: str) -> None:
    """A hundred thousand turns without content, roles that are numbers, a prompt of fractions: refused by the first that is wrong."""
    field = _prompt(DOORS[name])
    item: Any = {"completions": 5.5, "gemini": {"role": 5}}.get(name, {"role": 5})
    answers = await in_both_lanes(edge, name, lambda door, body: {**body, field: [item] * 100_000})
    for answer in answers[2:] if name == "gemini" else answers:
        is_refused(name, answer, f"{field}[0]")


@pytest.mark.parametrize("name", list(DOORS))
async def test_bodies_that_cannot_be_unpacked(upstream: Upstream, edge: Running, name: str) -> None:
    """Not gzip, cut short, or an encoding that nobody has."""
    for encoding, body, status in (("gzip", b"{}", 400), ("gzip", b"\x1f\x8b\x08\x00", 400), ("br", b"{}", 415)):
        headers = {**JSON, "content-encoding": encoding}
        for answer in await in_both_lanes(edge, name, sending(body), headers=headers):
            is_refused(name, answer, "content-encoding", status)
    assert upstream.calls == []
