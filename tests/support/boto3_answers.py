"""boto3 clients whose requests are answered without a socket: what the real SDK makes of our bytes."""

from collections.abc import Iterator
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config

MESSAGES = [{"role": "user", "content": [{"text": "u"}]}]


class _Raw:
    """What botocore wants of a response's body."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, amt: int = 0, decode_content: bool = False) -> Iterator[bytes]:
        """In pieces of 7 bytes."""
        for start in range(0, len(self._body), 7):
            yield self._body[start : start + 7]

    def close(self) -> None: ...


def answered(status: int, headers: dict[str, str], body: bytes) -> Any:
    """A bedrock-runtime client that gets this answer to everything, and does not try again."""
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url="http://127.0.0.1:1", config=config)
    client.meta.events.register("before-send.bedrock-runtime", lambda request, **_: AWSResponse(request.url, status, headers, _Raw(body)))
    return client


def streamed(body: bytes) -> list[Any]:
    """The events of a ConverseStream."""
    headers = {"content-type": "application/vnd.amazon.eventstream"}
    return list(answered(200, headers, body).converse_stream(modelId="m", messages=MESSAGES)["stream"])
