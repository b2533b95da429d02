"""Messages of any dialect as `systemInstruction` and `contents`."""

from typing import Any

from proxy.codecs.gemini_generate.models import model_facts
from proxy.codecs.gemini_generate.write_contents import ContentWriter
from proxy.core.messages import Message, Part, Role, TextPart, ThinkingPart, ToolResultPart, ToolUsePart
from proxy.core.request import ChatRequest

CALL = ToolUsePart(id="c", name="f", arguments="{}")
WIRE_CALL = {"functionCall": {"id": "c", "name": "f", "args": {}}}
RESULT = ToolResultPart(tool_use_id="c", content=(TextPart(text="1"),))
WIRE_RESULT = {"functionResponse": {"id": "c", "name": "f", "response": {"output": "1"}}}


def say(role: Role, *content: Part | str, **fields: Any) -> Message:
    parts = tuple(TextPart(text=part) if isinstance(part, str) else part for part in content)
    return Message(role=role, content=parts, **fields)


def written(*messages: Message, model: str = "gemini-2.5-pro", dialect: str = "openai_chat") -> tuple[Any, Any, list[str]]:
    dropped: list[str] = []
    numbered = tuple(
        Message(role=m.role, content=m.content, name=m.name, path=f"messages[{i}]", extra=m.extra) for i, m in enumerate(messages)
    )
    request = ChatRequest(dialect=dialect, model=model, messages=numbered)
    return (*ContentWriter(request, model_facts(model), dropped).write(), dropped)


def test_instructions_stand_apart_and_roles_alternate() -> None:
    """Turns of one role are joined."""
    messages = (say("system", "S"), say("developer", "D"), say("user", "a"), say("user", "b"), say("assistant", "c"))
    assert written(*messages) == (
        [{"text": "S"}, {"text": "D"}],
        [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}, {"role": "model", "parts": [{"text": "c"}]}],
        [],
    )


def test_a_late_instruction_moves() -> None:
    """Reported; so is all of an instruction that is no text."""
    system, _, dropped = written(say("user", "a"), say("system", "S", CALL))
    assert system == [{"text": "S"}]
    assert dropped == ["messages[1]", "messages[1].tool_calls[0]"]


def test_instructions_alone_become_the_content() -> None:
    """The API needs one."""
    assert written(say("system", "S")) == ([], [{"role": "user", "parts": [{"text": "S"}]}], ["messages[0]"])


def test_results_come_first_in_the_turn_after_their_calls() -> None:
    """Those of parallel calls together, whether they came as messages or as parts."""
    other = ToolUsePart(id="d", name="g", arguments="{}")
    second = ToolResultPart(tool_use_id="d", content=(TextPart(text="2"),))
    _, turns, dropped = written(say("user", "a"), say("assistant", CALL, other), say("user", "and", RESULT), say("tool", second))
    assert [list(part) for part in turns[2]["parts"]] == [["functionResponse"], ["functionResponse"], ["text"]]
    assert [part["functionResponse"]["name"] for part in turns[2]["parts"][:2]] == ["f", "g"]
    assert dropped == []


def test_a_signature_goes_back_onto_its_part() -> None:
    """Its empty thought is none; the last one without a part gets an empty text."""
    signed = ThinkingPart(text="", signature="gemini:Cp")
    _, turns, dropped = written(say("assistant", ThinkingPart(text="", signature="gemini:Aa"), "say", signed, CALL, signed))
    assert turns[0]["parts"] == [
        {"text": "say", "thoughtSignature": "Aa"},
        {**WIRE_CALL, "thoughtSignature": "Cp"},
        {"text": "", "thoughtSignature": "Cp"},
    ]
    assert dropped == []


def test_calls_of_other_models_get_the_bypass_value() -> None:
    """The first of a turn, on models that look for it."""
    turns = written(say("assistant", CALL, CALL), model="gemini-3-pro")[1]
    assert [part.get("thoughtSignature") for part in turns[0]["parts"]] == ["skip_thought_signature_validator", None]
    assert "thoughtSignature" not in written(say("assistant", CALL))[1][0]["parts"][0]


def test_a_signature_in_extra_content() -> None:
    """As clients of Google's OpenAI-compatible endpoint keep it: carried, not reported."""
    extra = {"tool_calls[0].extra_content": {"google": {"thought_signature": "Cp"}}}
    _, turns, dropped = written(say("assistant", CALL, extra=extra), say("tool", RESULT))
    assert turns == [{"role": "model", "parts": [{**WIRE_CALL, "thoughtSignature": "Cp"}]}, {"role": "user", "parts": [WIRE_RESULT]}]
    assert dropped == []


def test_names_and_unknown_fields_are_reported() -> None:
    """Where they say something."""
    assert written(say("user", "a", name="bob", extra={"x": 1, "y": None}))[2] == ["messages[0].name", "messages[0].x"]


def test_an_empty_conversation_keeps_its_turn() -> None:
    """The provider judges it."""
    assert written(say("user", "")) == ([], [{"role": "user", "parts": [{"text": ""}]}], [])


def test_an_empty_message_is_left_out() -> None:
    """The API refuses contents without parts."""
    assert written(say("user", "a"), say("assistant", ""), say("user", "b"))[1] == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}
    ]
