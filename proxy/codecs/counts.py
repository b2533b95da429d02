"""Dialect → its token counting endpoint: the literal table."""

from proxy.codecs.anthropic_messages import count_tokens as anthropic
from proxy.codecs.bedrock_converse import count_tokens as bedrock
from proxy.codecs.counting import Counting
from proxy.codecs.gemini_generate import count_tokens as gemini
from proxy.codecs.openai_responses import count_tokens as openai

COUNTS: dict[str, Counting] = {
    "anthropic_messages": anthropic,
    "gemini_generate": gemini,
    "bedrock_converse": bedrock,
    "openai_responses": openai,
}
