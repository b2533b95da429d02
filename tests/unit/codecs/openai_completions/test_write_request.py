"""ChatRequest → completions body, from other dialects."""

from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_completions.request import decode_request
from proxy.codecs.openai_completions.write_request import encode_request
from proxy.core.messages import CacheHint, ImagePart, Message, TextPart
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat, Tool, ToolChoice


def test_one_user_turn_is_the_prompt() -> None:
    """Nothing is added to it and nothing reported."""
    request = OpenAIChatCodec().decode_request(
        {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 5}, {}
    )
    encoded = encode_request(request)
    assert (encoded.body, encoded.dropped) == ({"model": "m", "prompt": "hi", "max_tokens": 5}, ())


def test_a_conversation_is_written_out() -> None:
    """And reported as approximated."""
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "bye"},
    ]
    encoded = encode_request(OpenAIChatCodec().decode_request({"model": "m", "messages": messages, "stream": True}, {}))
    assert encoded.body["prompt"] == "Be brief.\n\nUser: hi\n\nAssistant: hello\n\nUser: bye\n\nAssistant:"
    assert encoded.body["stream_options"] == {"include_usage": True}
    assert encoded.dropped == ("messages",)


def test_what_has_no_place_is_reported() -> None:
    """By the client's paths, each once."""
    request = ChatRequest(
        dialect="anthropic_messages",
        model="m",
        messages=(
            Message(
                role="user",
                content=(TextPart(text="a", cache=CacheHint()), ImagePart(url="https://x/y.png")),
                path="messages[0]",
                extra={"k": 1},
            ),
        ),
        tools=(Tool(name="f", path="tools[0]"),),
        tool_choice=ToolChoice(mode="auto"),
        parallel_tool_calls=False,
        reasoning=Reasoning(effort="low"),
        response_format=ResponseFormat(kind="json_object"),
        top_k=5,
        stop=("1", "2", "3", "4", "5"),
        logprobs=True,
        top_logprobs=9,
        service_tier="standard_only",
        extra={"container": "c", "none": None},
        paths={"stop": "stop_sequences", "reasoning": "thinking"},
    )
    encoded = encode_request(request)
    assert encoded.body == {"model": "m", "prompt": "a", "logprobs": 5, "stop": ["1", "2", "3", "4"]}
    assert encoded.dropped == (
        "messages[0].content[0].cache_control",
        "messages[0].content[1]",
        "top_logprobs",
        "stop_sequences",
        "tools[0]",
        "tool_choice",
        "parallel_tool_calls",
        "thinking",
        "top_k",
        "service_tier",
        "response_format",
        "messages[0].k",
        "container",
    )


def test_tiers_that_both_know() -> None:
    """Are carried."""
    request = ChatRequest(
        dialect="openai_chat", model="m", messages=(Message(role="user", content=(TextPart(text="a"),)),), service_tier="flex"
    )
    assert encode_request(request).body["service_tier"] == "flex"


def test_own_extras_are_reported_by_other_dialects() -> None:
    """Several prompts, echo and suffix do not vanish on the way to a chat model."""
    request = decode_request({"model": "m", "prompt": ["one", "two"], "echo": True, "suffix": "x", "best_of": 2})
    encoded = OpenAIChatCodec().encode_request(request)
    assert encoded.body["messages"] == [{"role": "user", "content": "one"}]
    assert set(encoded.dropped) == {"prompt", "echo", "suffix", "best_of"}
