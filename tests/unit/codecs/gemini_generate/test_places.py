"""Where the client wrote a part."""

from typing import Any

from proxy.codecs.gemini_generate.places import call_index, part_path, told
from proxy.core.messages import AudioPart, Message, OpaquePart, Part, TextPart, ThinkingPart, ToolResultPart, ToolUsePart


def test_openai_has_calls_outside_of_content() -> None:
    """And thinking, and an earlier answer's audio."""
    calls = [ToolUsePart(id=name, name="f", arguments="{}") for name in "ab"]
    custom = OpaquePart(dialect="openai_chat", value={"id": "c", "type": "custom", "custom": {}})
    content: list[Part] = [ThinkingPart(text="t"), TextPart(text="x"), *calls, custom, AudioPart(id="a")]
    message = Message(role="assistant", content=tuple(content), path="messages[1]")
    assert [part_path(message, i, "openai_chat") for i in range(6)] == [
        "messages[1].reasoning_content",
        "messages[1].content[0]",
        "messages[1].tool_calls[0]",
        "messages[1].tool_calls[1]",
        "messages[1].tool_calls[2]",
        "messages[1].audio",
    ]
    assert call_index(message, 3) == 1
    result = Message(role="tool", content=(ToolResultPart(tool_use_id="a"),), path="messages[2]")
    assert part_path(result, 0, "openai_chat") == "messages[2]"


def test_anthropics_system_is_itself_the_list() -> None:
    """Elsewhere the parts are in `content`."""
    assert part_path(Message(role="system", content=(TextPart(text="a"),), path="system"), 0, "anthropic_messages") == "system[0]"
    turn = Message(role="user", content=(TextPart(text="a"),), path="messages[0]")
    assert part_path(turn, 0, "anthropic_messages") == "messages[0].content[0]"


def test_what_says_something() -> None:
    """Zero does, emptiness does not."""
    assert told(0)
    nothing: list[Any] = [None, False, "", [], {}]
    assert not any(map(told, nothing))


def test_items_of_responses() -> None:
    """Are themselves the part."""
    message = Message(role="assistant", content=(ThinkingPart(text="t"),), path="input[2]", single=True)
    assert part_path(message, 0, "openai_responses") == "input[2]"
