"""What the echo provider says."""

from typing import Any

import orjson
import pytest

from proxy.providers.echo_answer import Answer, Call, InvalidRequest, last_text, make_answers, usage_of
from proxy.providers.echo_script import PLAIN, Script

DIGEST = "0123456789abcdef" * 4


def function(name: str, **parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters} if parameters else {"name": name}}


def body(text: str = "hi", /, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **fields}


def answers(request: dict[str, Any], script: Script = PLAIN) -> list[Answer]:
    return make_answers(request, last_text(request)[1], script, DIGEST)


def text_of(request: dict[str, Any], script: Script = PLAIN) -> str:
    text = answers(request, script)[0].text
    assert text is not None
    return text


def calls_of(request: dict[str, Any], script: Script = PLAIN) -> tuple[Call, ...]:
    return answers(request, script)[0].calls


def test_last_user_text() -> None:
    """The last user message counts, not the assistant's after it."""
    messages = [
        {"role": "user", "content": "one"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "three"},
    ]
    assert last_text({"messages": messages}) == ("two", "two", 3)


def test_parts() -> None:
    """Text parts are joined; other parts show as their type; no content at all is no text."""
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:"}}, "junk"]
    assert text_of({"messages": [{"role": "user", "content": parts}]}) == "Echo: see [image_url]"
    assert text_of({"messages": [{"role": "user"}]}) == "Echo: "


def test_tool_result_is_echoed() -> None:
    """After a tool's result the answer is its text, even though tools are offered; directives stay the user's."""
    request = body("weather?", tools=[function("weather")])
    request["messages"].append({"role": "tool", "tool_call_id": "c", "content": "sunny"})
    assert text_of(request) == "Echo: sunny"
    assert last_text(request)[0] == "weather?"


@pytest.mark.parametrize("messages", [None, [], "x"])
def test_no_messages(messages: object) -> None:
    """A body without messages is refused by name."""
    with pytest.raises(InvalidRequest) as caught:
        last_text({"messages": messages})
    assert caught.value.param == "messages"


@pytest.mark.parametrize("role", ["robot", None, ["user"]])
def test_an_unknown_role_is_refused(role: object) -> None:
    """By its path, as the API that it plays does."""
    with pytest.raises(InvalidRequest) as caught:
        last_text({"messages": [{"role": "user", "content": "hi"}, {"role": role, "content": "x"}]})
    assert caught.value.param == "messages[1].role"


def test_choices_differ() -> None:
    """Each of n choices says its number; n is bounded."""
    assert [answer.text for answer in answers(body(n=3))] == ["Echo: hi", "Echo 1: hi", "Echo 2: hi"]
    assert len(answers(body(n=10**9))) == 128


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (None, ["first"]),
        ("auto", ["first"]),
        ("required", ["first"]),
        ("none", []),
        ({"type": "function", "function": {"name": "second"}}, ["second"]),
        ({"type": "function", "function": {"name": "third"}}, []),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "second"}}]}},
            ["second"],
        ),
    ],
)
def test_tool_choice(choice: object, names: list[str]) -> None:
    """The named tool, else the first that is allowed, is called; none of them where none may be."""
    request = body(tools=[function("first"), function("second")], tool_choice=choice)
    assert [call.name for call in calls_of(request)] == names


def test_arguments_satisfy_the_schema() -> None:
    """Arguments are the schema's smallest instance; a tool without one gets an empty object."""
    wants = function("f", type="object", properties={"n": {"type": "integer", "minimum": 3}}, required=["n"])
    assert orjson.loads(calls_of(body(tools=[wants]))[0].arguments) == {"n": 3}
    assert calls_of(body(tools=[function("g")]))[0].arguments == "{}"


def test_parallel() -> None:
    """Two tools are called each once, one tool twice, and `parallel_tool_calls: false` forbids it."""
    script = Script(parallel=True)
    assert [call.name for call in calls_of(body(tools=[function("a"), function("b")]), script)] == ["a", "b"]
    assert [call.name for call in calls_of(body(tools=[function("a")]), script)] == ["a", "a"]
    assert len(calls_of(body(tools=[function("a")], parallel_tool_calls=False), script)) == 1


def test_custom_tool() -> None:
    """A custom tool gets the user's text as its input."""
    (call,) = calls_of(body("do it", tools=[{"type": "custom", "custom": {"name": "shell"}}]))
    assert call.as_dict() == {"id": call.id, "type": "custom", "custom": {"name": "shell", "input": "do it"}}


def test_unusable_tools() -> None:
    """Tools without a name (a provider's built-in ones) are not called."""
    assert text_of(body(tools=[{"type": "web_search"}, 5])) == "Echo: hi"


def test_json_object() -> None:
    """json_object answers with an object that holds the text."""
    assert orjson.loads(text_of(body('"q"', response_format={"type": "json_object"}))) == {"echo": '"q"'}


def test_json_schema() -> None:
    """json_schema answers with an instance; without a schema with null."""
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert text_of(body(response_format=wanted)) == '{"ok":false}'
    assert text_of(body(response_format={"type": "json_schema"})) == "null"


def test_text_format() -> None:
    """An explicit text format changes nothing."""
    assert text_of(body(response_format={"type": "text"})) == "Echo: hi"


def test_bytes() -> None:
    """`bytes` sets the text's exact length."""
    assert len(text_of(body(), Script(bytes=1000))) == 1000
    assert text_of(body(), Script(bytes=0)) == ""


@pytest.mark.parametrize(
    ("stop", "text"), [("b", "Echo: a "), (["x", "b c", "", 5], "Echo: a "), ([], "Echo: a b c"), (None, "Echo: a b c")]
)
def test_stop(stop: object, text: str) -> None:
    """Text ends before the first stop word."""
    assert answers(body("a b c", stop=stop)) == [Answer(text)]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_max_tokens(name: str) -> None:
    """A cap cuts to 4 bytes a token with finish reason length, never inside a character; a roomy one changes nothing."""
    assert answers(body("hello", **{name: 2})) == [Answer("Echo: he", (), "length")]
    assert answers(body("hä", **{name: 2})) == [Answer("Echo: h", (), "length")]
    assert answers(body("hello", **{name: 3})) == [Answer("Echo: hello")]
    assert answers(body("hello", **{name: 0})) == [Answer("", (), "length")]


def test_usage() -> None:
    """A token is 4 bytes, rounded up: prompt over all messages, answer over text and arguments."""
    assert last_text(body("äb"))[2] == 1
    assert last_text(body("x" * 9))[2] == 3
    spoken = [Answer("12345"), Answer(None, (Call("id", "f", "{}"),))]
    assert usage_of(spoken, 3) == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
