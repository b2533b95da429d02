"""The passthrough lane's look at a request."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import NO_THREADS, Asked, check_chat, check_messages

TURNS = [{"role": "user", "content": "hi"}]
CHAT: dict[str, Any] = {"model": "m", "messages": TURNS}
MESSAGES: dict[str, Any] = {"model": "m", "messages": TURNS, "max_tokens": 5}


def test_what_the_gateway_needs_of_a_chat() -> None:
    """Model, streaming, and whether the client wants its usage chunk."""
    assert check_chat(CHAT) == Asked("m", False, False)
    assert check_chat({**CHAT, "stream": True, "stream_options": {"include_usage": True}}) == Asked("m", True, True)
    assert check_chat({**CHAT, "stream": None, "stream_options": None}) == Asked("m", False, False)


def test_what_the_gateway_needs_of_a_message() -> None:
    """Its streams always tell their usage."""
    assert check_messages({**MESSAGES, "stream": True}) == Asked("m", True, False)


def test_unknown_fields_are_the_providers_to_judge() -> None:
    """Nothing is refused here that some provider may take."""
    assert check_chat({**CHAT, "new_thing": {"x": 1}, "messages": [{"role": "user", "novel": True}]}).model == "m"


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        ({}, "model", "Model is required"),
        ({"model": "", "messages": TURNS}, "model", "Model is required"),
        ({"model": "m", "messages": []}, "messages", "Messages cannot be empty"),
        ({"model": "m"}, "messages", "messages is required"),
        ({**CHAT, "model": 5}, "model", "model: expected"),
        ({**CHAT, "messages": "hi"}, "messages", "messages: expected"),
        ({**CHAT, "messages": [{"content": "x"}]}, "messages[0].role", "is required"),
        ({**CHAT, "messages": [*TURNS, {"role": 7}]}, "messages[1].role", "expected"),
        ({**CHAT, "stream": "yes"}, "stream", "stream: expected"),
        ({**CHAT, "temperature": 2.1}, "temperature", "between 0 and 2"),
        ({**CHAT, "temperature": -0.1}, "temperature", "between 0 and 2"),
        ({**CHAT, "n": 0}, "n", "at least 1"),
        ({**CHAT, "max_tokens": 0}, "max_tokens", "at least 1"),
        ({**CHAT, "max_completion_tokens": -1}, "max_completion_tokens", "at least 1"),
    ],
)
def test_what_every_chat_provider_would_refuse(body: dict[str, Any], path: str, says: str) -> None:
    """Named by its path, without an upstream call."""
    with pytest.raises(InvalidBody, match=says) as caught:
        check_chat(body)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        ({**MESSAGES, "model": ""}, "model", "must not be empty"),
        ({**MESSAGES, "messages": []}, "messages", "at least one message"),
        ({"model": "m", "messages": TURNS}, "max_tokens", "max_tokens is required"),
        ({**MESSAGES, "max_tokens": 0}, "max_tokens", "at least 1"),
        ({**MESSAGES, "temperature": 1.5}, "temperature", "between 0 and 1"),
        ({**MESSAGES, "messages": [None]}, "messages[0]", "expected"),
    ],
)
def test_what_anthropic_would_refuse(body: dict[str, Any], path: str, says: str) -> None:
    """Its own bounds: temperature ends at 1, max_tokens is needed."""
    with pytest.raises(InvalidBody, match=says) as caught:
        check_messages(body)
    assert caught.value.path == path


@pytest.mark.parametrize("temperature", [0, 1, 2, 0.7, None])
def test_bounds_are_inclusive_and_null_is_absent(temperature: float | None) -> None:
    """As the API has it."""
    assert check_chat({**CHAT, "temperature": temperature}).model == "m"


@pytest.mark.parametrize("thread", [{"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}])
def test_threads_are_refused_by_their_name(thread: dict[str, Any]) -> None:
    """A thread would live in the account that all tenants share; the code is the one that Anthropic's SDK knows what to do with."""
    with pytest.raises(InvalidBody) as refused:
        check_messages({**MESSAGES, "thread": thread})
    assert (refused.value.path, refused.value.code) == ("thread", NO_THREADS)
    assert check_messages({**MESSAGES, "thread": None}).model == "m"
