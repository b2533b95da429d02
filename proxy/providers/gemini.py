"""Google's Gemini API.

Source: ai.google.dev "models.generateContent", "models.streamGenerateContent", "Embeddings", "API keys", read 2026-11-26.
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
_BATCH = b'{"requests":'
_VERSIONS = ("/v1", "/v1beta", "/v1alpha")


class Gemini(HttpProvider):
    """Model and stream flag stand in the URL; a base URL that names a version keeps it, else it is `api_version` or API_VERSION."""

    kind = "gemini"
    dialect = "gemini_generate"
    paths = {"gemini_generate": "generateContent", "gemini_embed": "embedContent"}
    count_paths = {"gemini_generate": "countTokens"}
    passed_headers = (b"x-goog-api-client",)

    def credential_headers(self, key: Credential) -> tuple[Header, ...]:
        return ((b"x-goog-api-key", key.secret.encode("latin-1")),)

    def url(self, call: Outgoing) -> str:
        """Streams are always events, whatever the client asked for."""
        method = "streamGenerateContent?alt=sse" if call.stream else self.paths[call.dialect]
        if call.body.startswith(_BATCH):
            method = "batchEmbedContents"
        return self._method(call.model, method)

    def count_url(self, model: str, query: bytes) -> str:
        return self._method(model, "countTokens")

    def _method(self, model: str, method: str) -> str:
        base = self.base_url if self.base_url.endswith(_VERSIONS) else f"{self.base_url}/{self.api_version or API_VERSION}"
        return f"{base}/{quote(_resource(model), safe='/')}:{method}"

    def amend(self, body: dict[str, Any], dialect: str) -> None:
        """Nothing that the URL says, and no signature of another provider, which the API would refuse."""
        model = body.pop("model", "")
        body.pop("stream", None)
        if dialect == "gemini_embed" and "requests" in body:
            # Each request of a batch names the model again; they come first, where `url` looks.
            requests = [{**item, "model": _resource(model)} if isinstance(item, dict) else item for item in body.pop("requests")]
            rest = dict(body)
            body.clear()
            body.update(requests=requests, **rest)
        if "contents" in body:
            body["contents"] = without_foreign(body["contents"])


def _resource(model: str) -> str:
    return model if model.startswith("tunedModels/") else f"models/{model.removeprefix('models/')}"


_: type[Provider] = Gemini
