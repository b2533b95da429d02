"""Amazon Bedrock Runtime: Converse, and InvokeModel with bodies of each vendor's own.

Source: Amazon Bedrock API Reference (Converse, ConverseStream, InvokeModel, InvokeModelWithResponseStream, CountTokens),
"Amazon Bedrock endpoints", "API keys", read 2026-11-25.
"""

import re
from typing import Any
from urllib.parse import quote

from proxy.codecs.bedrock_invoke.headers import PASSED
from proxy.providers.base import Outgoing, Provider
from proxy.providers.http import HttpProvider
from proxy.providers.key_pool import Credential
from proxy.transport.base import Header

_GEOGRAPHY = re.compile(r"(?:arn:[^/]*:inference-profile/)?(?:global|us|us-gov|eu|apac|ap|jp|au|ca|sa|me|af)\.(?=[a-z0-9]+\.)")
"""Before a model's id in that of a system inference profile (Bedrock user guide, "Supported Regions and models for inference profiles")."""
_STREAMED = {"converse": "converse-stream", "invoke": "invoke-with-response-stream"}


class Bedrock(HttpProvider):
    """Model and stream flag stand in the URL. Its keys are Bedrock API keys, sent as bearer tokens; without any, the transport signs."""

    kind = "bedrock"
    dialect = "bedrock_converse"
    paths = {"bedrock_converse": "converse", "bedrock_invoke": "invoke"}
    count_paths = {"bedrock_converse": "count-tokens"}
    passed_headers = PASSED
    stream_accept = b"application/vnd.amazon.eventstream"

    def credential_headers(self, key: Credential) -> tuple[Header, ...]:
        return ((b"authorization", b"Bearer " + key.secret.encode("latin-1")),)

    def url(self, call: Outgoing) -> str:
        operation = self.paths[call.dialect]
        return f"{self.base_url}/model/{quote(call.model, safe='')}/{_STREAMED[operation] if call.stream else operation}"

    def count_url(self, model: str, query: bytes) -> str:
        """CountTokens knows models, not inference profiles: a profile's tokens are its model's."""
        return f"{self.base_url}/model/{quote(_GEOGRAPHY.sub('', model, count=1), safe='')}/count-tokens"

    def amend(self, body: dict[str, Any], dialect: str) -> None:
        body.pop("model", None)
        body.pop("stream", None)


def endpoint(region: str) -> str:
    return f"https://bedrock-runtime.{region}.amazonaws.com"


_: type[Provider] = Bedrock
