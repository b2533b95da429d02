"""Canonical request → body."""

from proxy.codecs.gemini_generate.models import model_facts
from proxy.codecs.gemini_generate.write_request import encode_foreign
from proxy.core.messages import Message, TextPart
from proxy.core.request import ChatRequest, Tool, ToolChoice

ASK = (Message(role="user", content=(TextPart(text="hi"),), path="messages[0]"),)


def test_a_body_as_a_whole() -> None:
    """Model and stream at top level, for the adapter."""
    request = ChatRequest(
        dialect="openai_chat",
        model="gemini-2.5-flash",
        messages=(Message(role="system", content=(TextPart(text="S"),), path="m"), *ASK),
        tools=(Tool(name="f"),),
        tool_choice=ToolChoice(mode="required"),
        max_tokens=9,
        service_tier="default",
        stream=True,
    )
    encoded = encode_foreign(request, model_facts)
    assert encoded.body == {
        "model": "gemini-2.5-flash",
        "stream": True,
        "systemInstruction": {"parts": [{"text": "S"}]},
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {"maxOutputTokens": 9},
        "serviceTier": "standard",
    }
    assert encoded.dropped == ()


def test_what_the_api_lacks_is_reported() -> None:
    """Under the client's own names."""
    request = ChatRequest(
        dialect="openai_chat",
        model="gemini-2.5-flash",
        messages=ASK,
        logit_bias={"1": 2},
        user="u",
        n=9,
        service_tier="scale",
        extra={"store": True, "metadata": {}},
        paths={"user": "safety_identifier"},
    )
    assert encode_foreign(request, model_facts).dropped == ("n", "service_tier", "logit_bias", "safety_identifier", "store")


def test_the_default_tier_is_not_said() -> None:
    """`auto` is what the API does."""
    request = ChatRequest(dialect="openai_chat", model="m", messages=ASK, service_tier="auto")
    assert "serviceTier" not in encode_foreign(request, model_facts).body
