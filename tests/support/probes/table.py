"""The samples of all dialects, the codecs, and what shows that an approximation was made."""

from collections.abc import Callable
from typing import Any

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.features import Answered, Asked
from proxy.codecs.gemini_generate import GeminiGenerateCodec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from tests.support.probes import answers, chat, converse, gemini, messages, responses
from tests.support.probes.sample import PNG, Json, Probe, at, data_of, first

Find = Callable[[Json], Any]

CHAT, RESPONSES, MESSAGES = "openai_chat", "openai_responses", "anthropic_messages"
CONVERSE, GEMINI = "bedrock_converse", "gemini_generate"
CODECS: dict[str, Codec] = {
    CHAT: OpenAIChatCodec(),
    RESPONSES: OpenAIResponsesCodec(),
    MESSAGES: AnthropicMessagesCodec(),
    CONVERSE: BedrockConverseCodec(),
    GEMINI: GeminiGenerateCodec(),
}
MODELS = {
    CHAT: "gpt-5.1",
    RESPONSES: "gpt-5.1",
    MESSAGES: "claude-sonnet-4-6",
    CONVERSE: "us.anthropic.claude-sonnet-4-6-v1:0",
    GEMINI: "gemini-3-pro",
}
"""Those that the declarations speak of."""
REQUESTS: dict[str, dict[Asked, Probe]] = {
    CHAT: chat.REQUESTS,
    RESPONSES: responses.REQUESTS,
    MESSAGES: messages.REQUESTS,
    CONVERSE: converse.REQUESTS,
    GEMINI: gemini.REQUESTS,
}
ANSWERS = answers.ANSWERS

OWN_VALUES = {Asked.THINKING, Asked.THINKING_FOREIGN, Asked.PROVIDER_TOOLS, Asked.CITATIONS_EARLIER, Asked.FILE_ID}
"""Features whose samples differ by dialect: each has its own kind of them."""
OWN_ANSWERS = {Answered.SIGNATURE, Answered.PROVIDER_CALLS, Answered.CITATIONS}


def _text(*path: str | int) -> Find:
    return lambda body: "Be brief." in str(at(*path)(body)) or None


def _only_time(*path: str | int) -> Find:
    """The one that is allowed is the one that is offered."""
    return lambda body: (len(at(*path)(body)) == 1 and first(at(*path)(body), "name") == "time") or None


def _said(word: str) -> Find:
    return lambda body: word in str(body) or None


def _adaptive(*path: str | int) -> Find:
    return lambda body: at(*path)(body) == "adaptive" or None


APPROXIMATED: dict[tuple[Asked, str], Find] = {
    (Asked.SYSTEM_MIDWAY, MESSAGES): _text("system"),
    (Asked.SYSTEM_MIDWAY, CONVERSE): _text("system", 0, "text"),
    (Asked.SYSTEM_MIDWAY, GEMINI): _text("systemInstruction", "parts", 0, "text"),
    (Asked.DOCUMENT_TEXT, CHAT): _said("Once upon a time"),
    (Asked.DOCUMENT_TEXT, RESPONSES): _said("Once upon a time"),
    (Asked.DOCUMENT_TEXT, GEMINI): _said("Once upon a time"),
    (Asked.TOOL_CHOICE_ALLOWED, MESSAGES): _only_time("tools"),
    (Asked.TOOL_CHOICE_ALLOWED, CONVERSE): _only_time("toolConfig", "tools"),
    (Asked.TOOL_RESULT_IMAGE, CHAT): lambda body: (body["messages"][-1]["role"] == "user" and data_of(first(body, "url")) == PNG) or None,
    (Asked.THINKING_BUDGET, CHAT): at("reasoning_effort"),
    (Asked.THINKING_BUDGET, RESPONSES): at("reasoning", "effort"),
    (Asked.THINKING_BUDGET, MESSAGES): _adaptive("thinking", "type"),
    (Asked.THINKING_BUDGET, CONVERSE): _adaptive("additionalModelRequestFields", "thinking", "type"),
    (Asked.THINKING_OFF, GEMINI): at("generationConfig", "thinkingConfig", "thinkingLevel"),
    (Asked.REFUSAL_EARLIER, MESSAGES): _said("No."),
    (Asked.REFUSAL_EARLIER, CONVERSE): _said("No."),
    (Asked.REFUSAL_EARLIER, GEMINI): _said("No."),
    (Asked.TEMPERATURE_HIGH, MESSAGES): at("temperature"),
    (Asked.TEMPERATURE_HIGH, CONVERSE): at("inferenceConfig", "temperature"),
}
"""(Feature, provider's dialect) → what is there in its place."""


def _as(feature: Answered, dialect: str) -> Find:
    return ANSWERS[dialect][feature].find


NEAR_ANSWERS: dict[tuple[Answered, str], Find] = {
    **{(Answered.REFUSED, client): _as(Answered.FILTERED, client) for client in (CHAT, RESPONSES, CONVERSE, GEMINI)},
    (Answered.FILTERED, MESSAGES): _as(Answered.REFUSED, MESSAGES),
    **{(Answered.PAUSED, client): _as(Answered.STOP, client) for client in (CHAT, RESPONSES, CONVERSE)},
    (Answered.PAUSED, GEMINI): lambda body: at("candidates", 0, "finishReason")(body) == "OTHER" or None,
    **{(Answered.CONTEXT_FULL, client): _as(Answered.LENGTH, client) for client in (CHAT, RESPONSES, GEMINI)},
    **{(Answered.STOP_SEQUENCE, client): _as(Answered.STOP, client) for client in (CHAT, RESPONSES, GEMINI)},
    (Answered.STOP_SEQUENCE, CONVERSE): lambda body: body["stopReason"] == "stop_sequence" or None,
    (Answered.REFUSAL, CONVERSE): _as(Answered.FILTERED, CONVERSE),
    (Answered.REFUSAL, GEMINI): _as(Answered.TEXT, GEMINI),
}
"""(Feature, client's dialect) → what is there in its place."""
NAMES: dict[Answered, str] = {
    Answered.CUSTOM_CALLS: r".*content\[0\]|opaque",
    Answered.PROVIDER_CALLS: r".*content\[0\]|opaque",
    Answered.AUDIO: r".*content\[0\]|opaque",
    Answered.IMAGES: r".*content\[0\]|opaque",
    Answered.REFUSAL: r".*content\[0\]|refusal",
    Answered.REDACTED: r".*content\[0\]|redacted_thinking",
    Answered.SIGNATURE: r"(.*content\[0\]\.)?signature",
    Answered.CITATIONS: r"(.*content\[0\]\.)?citations",
    Answered.LOGPROBS: "logprobs",
    Answered.CHOICES: r"choices\[1\]",
    Answered.FILTERED: "finish_reason",
    Answered.REFUSED: "finish_reason",
    Answered.PAUSED: "finish_reason",
    Answered.CONTEXT_FULL: "finish_reason",
    Answered.STOP_SEQUENCE: "stop_sequence",
    Answered.USAGE_CACHE_WRITE: r"usage\.cache_write_tokens",
    Answered.USAGE_CACHE_WRITE_1H: r"usage\.cache_write_1h_tokens",
    Answered.USAGE_REASONING: r"usage\.reasoning_tokens",
    Answered.USAGE_AUDIO: r"usage\.input_audio_tokens",
}
"""How the loss of an answer's feature is named, whole or streamed."""
