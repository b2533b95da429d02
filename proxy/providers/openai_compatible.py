"""Anything that answers `POST {base_url}/chat/completions` and its relatives: OpenAI, vLLM, Ollama, llama.cpp, Azure's deployments.

Source: OpenAI API reference (chat completions), read 2026-11-22.
"""

from typing import Any
from urllib.parse import quote

from proxy.providers.base import Outgoing, Provider
from proxy.providers.http import HttpProvider
from proxy.providers.key_pool import Credential
from proxy.transport.base import Header


class OpenAICompatible(HttpProvider):
    kind = "openai"
    dialect = "openai_chat"
    paths = {
        "openai_chat": "/chat/completions",
        "openai_completions": "/completions",
        "openai_responses": "/responses",
        "openai_embeddings": "/embeddings",
    }
    passed_headers = (b"openai-beta",)

    def credential_headers(self, key: Credential) -> tuple[Header, ...]:
        return ((b"authorization", b"Bearer " + key.secret.encode("latin-1")),)

    def amend(self, body: dict[str, Any], dialect: str) -> None:
        """Streams always report usage: metering needs it; the client sees the chunk only if it asked (contract L)."""
        if dialect in ("openai_chat", "openai_completions") and body.get("stream") is True:
            options = body.get("stream_options")
            body["stream_options"] = {**options, "include_usage": True} if isinstance(options, dict) else {"include_usage": True}


class OpenAI(OpenAICompatible):
    """OpenAI itself: what others who speak its dialects rarely have."""

    count_paths = {"openai_responses": "/responses/input_tokens"}


API_VERSION = "2024-10-21"
"""Azure's stable data-plane version (Azure OpenAI reference, read 2026-11-22)."""


class AzureOpenAI(OpenAICompatible):
    """`base_url` is the resource's (`https://NAME.openai.azure.com`); the model's name is the deployment's."""

    kind = "azure"
    paths = {"openai_chat": "/chat/completions", "openai_embeddings": "/embeddings", "openai_responses": "/openai/v1/responses"}
    """Of a deployment, but for responses."""

    def credential_headers(self, key: Credential) -> tuple[Header, ...]:
        return ((b"api-key", key.secret.encode("latin-1")),)

    def url(self, call: Outgoing) -> str:
        if call.dialect == "openai_responses":
            return self.base_url + self.paths[call.dialect]
        version = quote(self.api_version or API_VERSION)
        return f"{self.base_url}/openai/deployments/{quote(call.model, safe='')}{self.paths[call.dialect]}?api-version={version}"


_: type[Provider] = OpenAICompatible
