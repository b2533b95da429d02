"""Google's Gemini API.

Source: ai.google.dev "models.generateContent", "models.streamGenerateContent", "API keys", read 2026-11-25.
"""

from typing import Any
from urllib.parse import quote

from proxy.codecs.gemini_generate.signatures import without_foreign
from proxy.providers.base import Outgoing, Provider
from proxy.providers.http import HttpProvider
from proxy.providers.key_pool import Credential
from proxy.transport.base import Header

API_VERSION = "v1beta"
"""Has what `v1` lacks: system instructions, tools, thinking."""
_VERSIONS = ("/v1", "/v1beta", "/v1alpha")


class Gemini(HttpProvider):
    """Model and stream flag stand in the URL; a base URL that names a version keeps it, else it is `api_version` or API_VERSION."""

    kind = "gemini"
    dialect = "gemini_generate"
    count_paths = {"gemini_generate": "countTokens"}
    passed_headers = (b"x-goog-api-client",)

    def credential_headers(self, key: Credential) -> tuple[Header, ...]:
        return ((b"x-goog-api-key", key.secret.encode("latin-1")),)

    def url(self, call: Outgoing) -> str:
        """Streams are always events, whatever the client asked for."""
        return self._method(call.model, "streamGenerateContent?alt=sse" if call.stream else "generateContent")

    def count_url(self, model: str, query: bytes) -> str:
        return self._method(model, "countTokens")

    def _method(self, model: str, method: str) -> str:
        base = self.base_url if self.base_url.endswith(_VERSIONS) else f"{self.base_url}/{self.api_version or API_VERSION}"
        name = model if model.startswith("tunedModels/") else f"models/{model.removeprefix('models/')}"
        return f"{base}/{quote(name, safe='/')}:{method}"

    def amend(self, body: dict[str, Any], dialect: str) -> None:
        """Nothing that the URL says, and no signature of another provider, which the API would refuse."""
        body.pop("model", None)
        body.pop("stream", None)
        if "contents" in body:
            body["contents"] = without_foreign(body["contents"])


_: type[Provider] = Gemini
