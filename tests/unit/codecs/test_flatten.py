"""Conversations as plain text."""

from proxy.codecs.flatten import as_script, report_lost, text_of
from proxy.core.messages import CacheHint, ImagePart, Message, TextPart
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat, Tool, ToolChoice

LABELS = {"user": "U", "assistant": "A", "tool": "T"}


def request(*turns: tuple[str, str], **more: object) -> ChatRequest:
    messages = tuple(
        Message(role=role, content=(TextPart(text=text),), path=f"messages[{i}]")  # type: ignore[arg-type]
        for i, (role, text) in enumerate(turns)
    )
    return ChatRequest(dialect="d", model="m", messages=messages, **more)  # type: ignore[arg-type]


def test_one_user_turn_is_the_prompt() -> None:
    """Exactly as it is."""
    dropped: list[str] = []
    assert as_script(request(("user", "hi")), LABELS, dropped) == "hi"
    assert dropped == []


def test_a_conversation_is_a_script() -> None:
    """A system text has no label; the report says that it is approximated."""
    dropped: list[str] = []
    turns = (("system", "s"), ("user", "u"), ("assistant", "a"), ("tool", "t"))
    assert as_script(request(*turns), LABELS, dropped) == "s\n\nU: u\n\nA: a\n\nT: t\n\nA:"
    assert dropped == ["messages"]


def test_only_texts_are_carried() -> None:
    """The paths of the rest are the client's."""
    dropped: list[str] = []
    parts = (TextPart(text="a", cache=CacheHint()), ImagePart(url="u"), TextPart(text="b", citations=({},)))
    assert text_of(Message(role="user", content=parts, path="messages[3]"), dropped) == "ab"
    assert text_of(Message(role="system", content=(ImagePart(url="u"),), path="system"), dropped) == ""
    assert dropped == ["messages[3].content[0].cache_control", "messages[3].content[1]", "messages[3].content[2].citations", "system[0]"]


def test_everything_lost_is_reported() -> None:
    """By the client's names, less what the dialect carries."""
    whole = request(
        ("user", "hi"),
        tools=(Tool(name="f", path="tools[0]"),),
        tool_choice=ToolChoice(mode="auto"),
        reasoning=Reasoning(effort="low"),
        response_format=ResponseFormat(kind="json_object"),
        n=2,
        logprobs=True,
        stop=("x",),
        seed=1,
        user="u",
        extra={"a": 1, "b": None},
        paths={"stop": "stop_sequences"},
    )
    dropped: list[str] = []
    report_lost(whole, dropped)
    assert dropped == ["tools[0]", "tool_choice", "reasoning", "seed", "user", "n", "logprobs", "stop_sequences", "response_format", "a"]
    fewer: list[str] = []
    report_lost(whole, fewer, carried=("n", "logprobs", "stop", "seed", "user"))
    assert fewer == ["tools[0]", "tool_choice", "reasoning", "response_format", "a"]
