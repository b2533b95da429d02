"""Dialect → its look at a request: the literal table."""

from collections.abc import Callable
from typing import Any

from proxy.codecs.bedrock_converse.check import check as check_converse
from proxy.codecs.bedrock_invoke.check import check as check_invoke
from proxy.codecs.check import Asked, check_chat, check_messages
from proxy.codecs.gemini_embed.request import check as check_gemini_embed
from proxy.codecs.gemini_generate.check import check as check_gemini
from proxy.codecs.openai_completions.check import check as check_completions
from proxy.codecs.openai_embeddings.check import check as check_embeddings
from proxy.codecs.openai_responses.check import check as check_responses

CHECKS: dict[str, Callable[[dict[str, Any]], Asked]] = {
    "openai_chat": check_chat,
    "anthropic_messages": check_messages,
    "bedrock_converse": check_converse,
    "bedrock_invoke": check_invoke,
    "gemini_generate": check_gemini,
    "openai_responses": check_responses,
    "openai_completions": check_completions,
    "openai_embeddings": check_embeddings,
    "gemini_embed": check_gemini_embed,
}
