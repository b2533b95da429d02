"""The way in of the generation routes."""

import json

from tests.support.library import in_process, json_reply, stream_reply
from tests.support.upstream import chat, chat_stream


async def test_gemini_streams_are_an_array_unless_events_are_asked_for() -> None:
    """`alt=sse` decides, as at the provider."""
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    path = "/v1beta/models/gpt-4o-mini:streamGenerateContent"
    async with in_process(lambda _: stream_reply(chat_stream("hello"))) as edge:
        array = await edge.client.post(path, json=body)
        events = await edge.client.post(f"{path}?alt=sse", json=body)
    assert array.headers["content-type"].startswith("application/json")
    assert isinstance(json.loads(array.text), list)
    assert events.headers["content-type"].startswith("text/event-stream")
    assert events.text.startswith("data: ")


async def test_the_body_says_whether_the_answer_is_a_stream() -> None:
    """One way in for both."""
    async with in_process(json_reply(chat("a")), stream_reply(chat_stream("b"))) as edge:
        assert (await edge.chat("1")).headers["content-type"] == "application/json"
        assert (await edge.chat("2", stream=True)).headers["content-type"].startswith("text/event-stream")
