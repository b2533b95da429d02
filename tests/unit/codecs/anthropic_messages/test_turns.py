"""Messages of another dialect → `system` and turns."""

from typing import Any

import pytest

from proxy.codecs.anthropic_messages.turns import encode_turns
from proxy.codecs.base import InvalidBody
from proxy.core.messages import (
    AudioPart,
    CacheHint,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)
from proxy.core.request import ChatRequest


def turns(*messages: tuple[Role, Part | str | list[Part]], dialect: str = "openai_chat") -> tuple[Any, Any, list[str]]:
    """(system, messages, dropped) of a conversation."""
    made = []
    for i, (role, content) in enumerate(messages):
        parts = [TextPart(text=content)] if isinstance(content, str) else content if isinstance(content, list) else [content]
        made.append(Message(role=role, content=tuple(parts), path=f"messages[{i}]"))
    dropped: list[str] = []
    system, encoded = encode_turns(ChatRequest(dialect=dialect, model="m", messages=tuple(made)), dropped)
    return system, encoded, list(dict.fromkeys(dropped))


def test_one_instruction_is_a_string() -> None:
    """The common case, in the common form."""
    assert turns(("system", "s"), ("user", "u")) == ("s", [{"role": "user", "content": "u"}], [])


def test_several_instructions_are_blocks() -> None:
    """Their borders stay; empty ones go."""
    system, _, dropped = turns(("system", "a"), ("developer", " "), ("developer", TextPart(text="b", cache=CacheHint())), ("user", "u"))
    assert system == [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]
    assert dropped == []


def test_instruction_amid_the_conversation_moves_and_is_reported() -> None:
    """It applies to everything now: an approximation."""
    system, encoded, dropped = turns(("user", "a"), ("system", "s"), ("user", "b"))
    assert system == "s"
    assert encoded == [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    assert dropped == ["messages[1]"]


def test_instruction_that_is_no_text_is_reported() -> None:
    """The system prompt takes text only."""
    assert turns(("system", [TextPart(text="s"), ImagePart(url="u")]), ("user", "u"))[::2] == ("s", ["messages[0].content[1]"])


def test_instructions_alone_become_the_user_s_turn() -> None:
    """The API needs one, and answering the instructions is what the other dialect does."""
    assert turns(("system", "a"), ("system", "b")) == (
        None,
        [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
        ["messages[1]"],
    )


def test_tool_results_are_one_user_turn() -> None:
    """Results of parallel calls and the user's next words stand together, results first."""
    calls: list[Part] = [ToolUsePart(id="a", name="f", arguments='{"x":1}'), ToolUsePart(id="b", name="g", arguments="")]
    _, encoded, dropped = turns(
        ("user", "go"),
        ("assistant", calls),
        ("tool", ToolResultPart(tool_use_id="a", content=(TextPart(text="1"),))),
        ("user", "wait"),
        ("tool", ToolResultPart(tool_use_id="b")),
    )
    assert [turn["role"] for turn in encoded] == ["user", "assistant", "user"]
    assert encoded[1]["content"][0] == {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}
    assert encoded[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "1"},
        {"type": "tool_result", "tool_use_id": "b"},
        {"type": "text", "text": "wait"},
    ]
    assert dropped == []


def test_results_inside_a_user_message_come_first() -> None:
    """Other dialects mix them with text."""
    content: list[Part] = [TextPart(text="x"), ToolResultPart(tool_use_id="a")]
    _, encoded, _ = turns(("assistant", ToolUsePart(id="a", name="f", arguments="{}")), ("user", content))
    assert [block["type"] for block in encoded[1]["content"]] == ["tool_result", "text"]


def test_bad_arguments_are_refused_with_their_place() -> None:
    """In the words of the client's dialect."""
    calls: list[Part] = [TextPart(text="x"), ToolUsePart(id="a", name="f", arguments="{}"), ToolUsePart(id="b", name="f", arguments="{")]
    with pytest.raises(InvalidBody) as openai:
        turns(("assistant", calls))
    with pytest.raises(InvalidBody) as other:
        turns(("assistant", calls), dialect="gemini")
    assert openai.value.path == "messages[0].tool_calls[1].function.arguments"
    assert other.value.path == "messages[0].content[2].input"


def test_reasoning_audio_and_custom_calls_are_reported_where_the_client_wrote_them() -> None:
    """Each has its own field in OpenAI's message."""
    custom = OpaquePart(dialect="openai_chat", value={"type": "custom", "id": "c", "custom": {"name": "f", "input": "x"}})
    parts: list[Part] = [ThinkingPart(text="t"), TextPart(text="x"), OpaquePart(dialect="openai_chat", value={"type": "new"})]
    _, _, dropped = turns(("assistant", [*parts, AudioPart(id="a"), custom]), ("user", AudioPart(data="aaaa", format="wav")))
    assert dropped == [
        "messages[0].reasoning_content",
        "messages[0].content[1]",
        "messages[0].audio",
        "messages[0].tool_calls[0]",
        "messages[1].content[0]",
        "messages[1]",
    ]


def test_result_of_a_lost_call_goes_with_it() -> None:
    """The API refuses a result without its call."""
    custom = OpaquePart(dialect="openai_chat", value={"type": "custom", "id": "c", "custom": {"name": "f", "input": "x"}})
    _, encoded, dropped = turns(("user", "u"), ("assistant", [TextPart(text="x"), custom]), ("tool", ToolResultPart(tool_use_id="c")))
    assert [turn["role"] for turn in encoded] == ["user", "assistant"]
    assert dropped == ["messages[1].tool_calls[0]", "messages[2]"]


def test_empty_texts_and_turns_vanish() -> None:
    """The API refuses both; a turn that loses all its content is reported."""
    system, encoded, dropped = turns(
        ("user", [TextPart(text=""), TextPart(text="a")]), ("assistant", " \n"), ("assistant", []), ("user", "b")
    )
    assert system is None
    assert encoded == [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    assert dropped == ["messages[1]"]


def test_prefill_loses_trailing_white_space() -> None:
    """The API refuses a final assistant text that ends in it."""
    assert turns(("user", "u"), ("assistant", "So: \n"))[1][1] == {"role": "assistant", "content": "So:"}


def test_final_call_is_left_alone() -> None:
    """Only text has trailing white space."""
    assert turns(("user", "u"), ("assistant", ToolUsePart(id="a", name="f", arguments="{}")))[1][1]["content"][0]["type"] == "tool_use"


def test_names_and_extras_are_reported() -> None:
    """A participant's name has no place; extras that say nothing are not worth a word."""
    message = Message(
        role="user",
        content=(TextPart(text="a"),),
        name="ann",
        path="messages[0]",
        extra={"refusal": None, "annotations": [], "x": False, "y": 0},
    )
    dropped: list[str] = []
    encode_turns(ChatRequest(dialect="openai_chat", model="m", messages=(message,)), dropped)
    assert dropped == ["messages[0].name", "messages[0].y"]


def test_instructions_at_the_top_of_the_body_are_named_there() -> None:
    """`system` is itself the list there (Converse)."""
    image = ImagePart(file_id="f")
    system = Message(role="system", content=(TextPart(text="s"), image), path="system")
    user = Message(role="user", content=(TextPart(text="u"),), path="messages[0]")
    dropped: list[str] = []
    assert encode_turns(ChatRequest(dialect="bedrock_converse", model="m", messages=(system, user)), dropped)[0] == "s"
    assert dropped == ["system[1]"]


def test_citations_of_an_empty_text_are_reported() -> None:
    """Converse has them apart from the text; the text vanishes, they must not in silence."""
    cited = TextPart(text="", citations=({"title": "t"},), citations_dialect="bedrock_converse")
    _, _, dropped = turns(("user", "u"), ("assistant", [TextPart(text="a"), cited]), dialect="bedrock_converse")
    assert dropped == ["messages[1].content[1].citations"]
