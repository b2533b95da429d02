"""Messages of another dialect → `system` and turns."""

from typing import Any

from proxy.codecs.bedrock_converse.models import target_facts
from proxy.codecs.bedrock_converse.parts import BlockWriter
from proxy.codecs.bedrock_converse.turns import encode_turns
from proxy.core.messages import CacheHint, ImagePart, Message, OpaquePart, Part, Role, TextPart, ToolResultPart, ToolUsePart
from proxy.core.request import ChatRequest
from tests.support.converse_samples import CLAUDE


def turns(*messages: tuple[Role, Part | str | list[Part]], dialect: str = "openai_chat", **fields: Any) -> tuple[Any, Any, list[str]]:
    """(system, messages, dropped) of a conversation."""
    made = []
    for i, (role, content) in enumerate(messages):
        parts = [TextPart(text=content)] if isinstance(content, str) else content if isinstance(content, list) else [content]
        made.append(Message(role=role, content=tuple(parts), path=f"messages[{i}]", **fields))
    dropped: list[str] = []
    request = ChatRequest(dialect=dialect, model=CLAUDE, messages=tuple(made))
    system, encoded = encode_turns(request, BlockWriter(target_facts(CLAUDE), dropped))
    return system, encoded, list(dict.fromkeys(dropped))


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def result(call: str) -> ToolResultPart:
    return ToolResultPart(tool_use_id=call, content=(TextPart(text=call),))


def result_block(call: str) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": call, "content": [{"text": call}]}}


def test_instructions_stand_apart() -> None:
    """With their cache points; blank ones go; what is no text is reported."""
    system, encoded, dropped = turns(
        ("system", TextPart(text="a", cache=CacheHint())), ("developer", " "), ("developer", [ImagePart(data="x")]), ("user", "u")
    )
    assert system == [{"text": "a"}, {"cachePoint": {"type": "default"}}]
    assert encoded == [user({"text": "u"})]
    assert dropped == ["messages[2].content[0]"]


def test_an_instruction_amid_the_conversation_moves_and_is_reported() -> None:
    """It applies to everything now: an approximation."""
    assert turns(("user", "a"), ("system", "s"), ("user", "b")) == (
        [{"text": "s"}],
        [user({"text": "a"}, {"text": "b"})],
        ["messages[1]"],
    )


def test_instructions_alone_become_the_user_s_turn() -> None:
    """The API needs one: reported."""
    assert turns(("system", "s")) == ([], [user({"text": "s"})], ["messages[0]"])


def test_turns_alternate_and_results_come_first() -> None:
    """All results of one round in one user turn, before its text, in their order, cache points with them."""
    call = ToolUsePart(id="a", name="f", arguments="{}")
    cached = ToolResultPart(tool_use_id="a", content=(TextPart(text="a"),), cache=CacheHint())
    _, encoded, dropped = turns(
        ("user", "u"),
        ("assistant", call),
        ("tool", cached),
        ("user", "and"),
        ("tool", result("b")),
        ("user", [TextPart(text="x"), result("c")]),
    )
    assert encoded[2] == user(
        result_block("a"), {"cachePoint": {"type": "default"}}, result_block("b"), result_block("c"), {"text": "and"}, {"text": "x"}
    )
    assert [turn["role"] for turn in encoded] == ["user", "assistant", "user"]
    assert dropped == []


def test_empty_texts_and_turns_vanish() -> None:
    """A turn that loses all it had is reported, one that had nothing is not; citations of a blank text are."""
    cited = TextPart(text="", citations=({"t": 1},), citations_dialect="anthropic_messages")
    _, encoded, dropped = turns(("user", "u"), ("assistant", [TextPart(text=" "), cited]), ("user", ImagePart(file_id="f")), ("user", []))
    assert encoded == [user({"text": "u"})]
    assert dropped == ["messages[1].content[1].citations", "messages[1]", "messages[2].content[0]", "messages[2]"]


def test_the_result_of_a_lost_call_goes_with_it() -> None:
    """It would hang in the air."""
    custom = OpaquePart(dialect="openai_chat", value={"id": "c", "type": "custom"})
    _, encoded, dropped = turns(("user", "u"), ("assistant", [TextPart(text="t"), custom]), ("tool", result("c")))
    assert [turn["role"] for turn in encoded] == ["user", "assistant"]
    assert dropped == ["messages[1].tool_calls[0]", "messages[2]"]


def test_a_prefill_loses_trailing_white_space() -> None:
    """The API refuses it; a final call stays."""
    assert turns(("user", "u"), ("assistant", "Once \n"))[1][-1] == {"role": "assistant", "content": [{"text": "Once"}]}
    call = {"toolUse": {"toolUseId": "a", "name": "f", "input": {}}}
    assert turns(("user", "u"), ("assistant", ToolUsePart(id="a", name="f", arguments="")))[1][-1]["content"] == [call]


def test_names_and_extras_are_reported() -> None:
    """Those that say something."""
    assert turns(("user", "u"), name="ann", extra={"x": 1, "y": None})[2] == ["messages[0].name", "messages[0].x"]
