"""Requests to AWS, signed on their way."""

from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from proxy.transport.aws_credentials import AwsCredentials
from proxy.transport.base import Header, TransportError, UpstreamRequest
from proxy.transport.scripted import Reply, ScriptedTransport
from proxy.transport.signing import SigningTransport
from tests.support.clock import FakeClock

URL = "http://bedrock.test/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}


async def nowhere(method: str, url: str, headers: tuple[Header, ...], body: bytes, timeout_s: float) -> tuple[int, bytes]:
    raise OSError("no network")


def signing(environ: dict[str, str], *replies: Reply) -> tuple[SigningTransport, ScriptedTransport, AwsCredentials]:
    clock = FakeClock()
    inner = ScriptedTransport(list(replies))
    chain = AwsCredentials(environ, nowhere, region="us-east-1", clock=clock)
    return SigningTransport(inner, chain, region="us-east-1", service="bedrock", clock=clock), inner, chain


def request(**more: Any) -> UpstreamRequest:
    values: dict[str, Any] = {"method": "POST", "url": URL, "headers": ((b"content-type", b"application/json"),), "body": b"{}"}
    return UpstreamRequest(**{**values, **more})


async def test_the_signature_is_the_one_that_botocore_makes() -> None:
    """For the headers and the time that went out."""
    transport, inner, _ = signing(KEYS, Reply(chunks=(b"{}",)))
    await (await transport.send(request())).read()
    sent = {name.decode(): value.decode() for name, value in inner.requests[0].headers}
    made = AWSRequest("POST", URL, headers={"content-type": "application/json"}, data=b"{}")
    signer = SigV4Auth(BotoCredentials("AKIDEXAMPLE", "secret", "token"), "bedrock", "us-east-1")
    made.context["timestamp"] = sent["x-amz-date"]
    made.headers["X-Amz-Date"] = sent["x-amz-date"]
    made.headers["X-Amz-Security-Token"] = "token"
    canonical = signer.canonical_request(made)
    expected = signer.signature(signer.string_to_sign(made, canonical), made)
    assert sent["authorization"].endswith(f"Signature={expected}")
    await transport.aclose()


async def test_a_machine_without_credentials_sends_nothing() -> None:
    """It is told as a connection that could not be opened, so that another target may be tried."""
    transport, inner, _ = signing({"AWS_EC2_METADATA_DISABLED": "true"})
    with pytest.raises(TransportError, match="no AWS credentials") as failure:
        await transport.send(request())
    assert (failure.value.phase, failure.value.sent, inner.requests) == ("connect", False, [])
    assert transport.stats().open == 0


async def test_refused_credentials_are_asked_for_again() -> None:
    """Another answer than 403 leaves them in use."""
    transport, _, chain = signing(KEYS, Reply(chunks=(b"{}",)), Reply(status=403, chunks=(b"{}",)))
    (await transport.send(request())).close()
    assert chain._current is not None
    (await transport.send(request())).close()
    assert chain._current is not None  # asked for a moment ago: not at once again
