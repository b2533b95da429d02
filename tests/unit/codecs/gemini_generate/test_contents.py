"""`systemInstruction` and `contents`."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.contents import decode_messages
from proxy.core.messages import Message, TextPart, ThinkingPart, ToolResultPart, ToolUsePart


def contents(*items: Any, **more: Any) -> tuple[Message, ...]:
    return decode_messages({"contents": list(items), **more}, {})


def test_roles() -> None:
    """`model` is the assistant; none, and the older `function`, is the user."""
    say = [{"text": "a"}]
    messages = contents({"role": "user", "parts": say}, {"role": "model", "parts": say}, {"role": "function", "parts": say}, {"parts": say})
    assert [message.role for message in messages] == ["user", "assistant", "user", "user"]
    assert [message.path for message in messages] == [f"contents[{i}]" for i in range(4)]


@pytest.mark.parametrize("value", ["Be brief.", {"parts": [{"text": "Be brief."}]}, {"role": "system", "parts": {"text": "Be brief."}}])
def test_a_system_instruction(value: Any) -> None:
    """A text, a content, a content of one part."""
    first, _ = contents({"parts": [{"text": "a"}]}, system_instruction=value)
    assert (first.role, first.content, first.path) == ("system", (TextPart(text="Be brief."),), "system_instruction")


def test_an_empty_system_instruction_is_none() -> None:
    """The API lets it pass."""
    assert len(contents({"parts": [{"text": "a"}]}, systemInstruction={"parts": []})) == 1


def test_parts_know_where_they_stood() -> None:
    """Also where one part became two, or several one."""
    content = [
        {
            "role": "model",
            "parts": [
                {"text": "a ", "thought": True},
                {"text": "b", "thought": True, "thoughtSignature": "Cp"},
                {"text": "c", "thought": True},
                {"text": "say", "thoughtSignature": "Eq"},
                {"text": "more", "x": 1},
            ],
            "y": 2,
        }
    ]
    places: dict[str, str] = {}
    [message] = decode_messages({"contents": content}, places)
    assert message.content == (
        ThinkingPart(text="a b", signature="gemini:Cp"),
        ThinkingPart(text="c"),
        ThinkingPart(text="", signature="gemini:Eq"),
        TextPart(text="say"),
        TextPart(text="more"),
    )
    assert places == {f"contents[0].content[{at}]": f"contents[0].parts[{i}]" for at, i in enumerate((0, 2, 3, 3, 4))}
    assert message.extra == {"parts[4].x": 1, "y": 2}


def test_responses_find_their_calls() -> None:
    """Without ids, by name and order."""
    call = {"functionCall": {"name": "f", "args": {}}}
    answer = {"functionResponse": {"name": "f", "response": {"output": "1"}}}
    model, user = contents({"role": "model", "parts": [call, call]}, {"role": "user", "parts": [answer, answer]})
    ids = [part.id for part in model.content if isinstance(part, ToolUsePart)]
    assert [part.tool_use_id for part in user.content if isinstance(part, ToolResultPart)] == ids
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "hi"}, "contents"),
        ({"contents": ["hi"]}, "contents[0]"),
        ({"contents": [{"role": "system", "parts": [{"text": "a"}]}]}, "contents[0].role"),
        ({"contents": [{"parts": [5]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": 5}]}, "contents[0].parts"),
        (
            {"contents": [{"parts": []}], "systemInstruction": {"parts": [{"fileData": {"fileUri": "gs://b/a.png"}}]}},
            "systemInstruction.parts[0]",
        ),
        ({"contents": [{"parts": []}], "systemInstruction": 5}, "systemInstruction"),
    ],
)
def test_broken_contents_are_refused_with_their_path(body: dict[str, Any], path: str) -> None:
    """As the client spells it."""
    with pytest.raises(InvalidBody) as caught:
        decode_messages(body, {})
    assert caught.value.path == path


def test_bare_strings_and_single_objects_pass() -> None:
    """A part may be its text, a list its one item."""
    assert decode_messages({"contents": {"parts": ["hi"]}}, {})[0].content == (TextPart(text="hi"),)
