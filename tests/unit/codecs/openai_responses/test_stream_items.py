"""The items of a stream to the client."""

from proxy.codecs.openai_responses.stream_items import CallOut, MessageOut, OpaqueOut, ThinkingOut, Writer, redacted
from proxy.core.messages import RedactedThinkingPart
from tests.support.responses_samples import events_of


def test_events_are_numbered() -> None:
    """Over all items, spliced ones included."""
    writer = Writer()
    call = CallOut(writer, "fc", "c", "f")
    out = call.opening + call.arguments("{") + call.arguments("") + call.arguments("}") + call.finish("completed")
    found = events_of(out)
    assert [event["sequence_number"] for event in found] == [0, 1, 2, 3, 4]
    assert [event["type"].removeprefix("response.") for event in found] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert found[-1]["item"]["arguments"] == "{}"
    assert writer.outputs == [found[-1]["item"]]


def test_message() -> None:
    """Two parts, each with its index; done repeats the whole."""
    writer = Writer()
    message = MessageOut(writer, "msg")
    out = (
        message.opening + message.start("text") + message.text('"a"\n') + message.logprobs([{"token": "a"}]) + message.annotation({"n": 1})
    )
    out += message.stop_part() + message.stop_part() + message.start("refusal") + message.text("no") + message.finish("incomplete")
    found = events_of(out)
    assert found[-1]["item"] == {
        "id": "msg",
        "type": "message",
        "status": "incomplete",
        "role": "assistant",
        "content": [
            {"type": "output_text", "text": '"a"\n', "annotations": [{"n": 1}], "logprobs": [{"token": "a"}]},
            {"type": "refusal", "refusal": "no"},
        ],
    }
    assert [event["content_index"] for event in found if "content_index" in event] == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_thinking() -> None:
    """A summary part only where there is text."""
    writer = Writer()
    silent = ThinkingOut(writer, "rs_1")
    silent.signature = "s"
    assert [event["type"] for event in events_of(silent.opening + silent.finish("completed"))] == [
        "response.output_item.added",
        "response.output_item.done",
    ]
    loud = ThinkingOut(writer, "rs_2")
    found = events_of(loud.opening + loud.text("a") + loud.text("b") + loud.finish("completed"))
    assert found[-1]["item"] == {"id": "rs_2", "type": "reasoning", "summary": [{"type": "summary_text", "text": "ab"}]}
    assert writer.outputs[0] == {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "llm-edge:sig:s"}
    assert [event["output_index"] for event in events_of(redacted(writer, RedactedThinkingPart(data="d")))] == [2, 2]


def test_opaque() -> None:
    """Begins in progress where it has a status; events get its place; odd ones are left out."""
    writer = Writer()
    item = OpaqueOut(writer, {"id": "w", "type": "x_call", "status": "completed"})
    out = item.opening + item.event({"type": "response.x_call.searching", "n": 1}) + item.event({"n": 2})
    out += item.event({"type": "response.output_item.done", "item": {"id": "w", "type": "x_call", "status": "failed"}})
    out += item.finish("completed")
    found = events_of(out)
    assert found[0]["item"]["status"] == "in_progress"
    assert found[1] == {"type": "response.x_call.searching", "sequence_number": 1, "item_id": "w", "output_index": 0, "n": 1}
    assert found[2]["item"]["status"] == "failed"
    assert len(found) == 3
