"""Anthropic's Messages API.

Source: Anthropic API reference (messages, versioning), read 2026-11-22.
"""

from typing import Any

from proxy.providers.base import Outgoing, Provider
from proxy.providers.http import HttpProvider
from proxy.providers.key_pool import Credential
from proxy.transport.base import Header

VERSION = b"2023-06-01"
"""Sent when the client names none."""


class Anthropic(HttpProvider):
    kind = "anthropic"
    dialect = "anthropic_messages"
    paths = {"anthropic_messages": "/v1/messages"}
    count_paths = {"anthropic_messages": "/v1/messages/count_tokens"}
    passed_headers = (b"anthropic-version", b"anthropic-beta")
    passed_query = (b"beta",)

    def credential_headers(self, key: Credential) -> tuple[Header, ...]:
        return ((b"x-api-key", key.secret.encode("latin-1")),)

    def url(self, call: Outgoing) -> str:
        """Both spellings of the base URL work, with and without `/v1`."""
        return super().url(call).replace("/v1/v1/", "/v1/", 1)

    def count_url(self, model: str, query: bytes) -> str:
        return super().count_url(model, query).replace("/v1/v1/", "/v1/", 1)

    def amend(self, body: dict[str, Any], dialect: str) -> None:
        """Bedrock's clients have the betas in the body; they are in the header by now."""
        body.pop("anthropic_beta", None)

    def default_headers(self) -> tuple[Header, ...]:
        return ((b"anthropic-version", self.api_version.encode("ascii") if self.api_version else VERSION),)


_: type[Provider] = Anthropic
