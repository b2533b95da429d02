"""boto3 clients of a running gateway: the three ways to show who calls."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from botocore import UNSIGNED
from botocore.config import Config

from proxy.storage.issue import new_access_key, signing_secret
from tests.support.gateway import KEY, Running, running, settings

WAYS = ("hook", "variable", "signature")


def by_hook(url: str, **config: Any) -> Any:
    """UNSIGNED, and the gateway's key put in by an event hook."""
    client = client_of(url, config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, **config))
    client.meta.events.register("before-send.bedrock-runtime.*", _with_key)
    return client


def _with_key(request: Any, **_: Any) -> None:
    request.headers["Authorization"] = f"Bearer {KEY}"


async def by_signature(edge: Running, **record: Any) -> tuple[Any, str]:
    """An ordinary client with an access key that the gateway issued, and its id."""
    records = edge.gateway.state.records
    access_key, secret_key, made = new_access_key(await signing_secret(records, None), time.time(), **record)
    await records.create(made)
    return signing(edge.url, access_key, secret_key), access_key


def signing(url: str, access_key: str, secret_key: str) -> Any:
    return client_of(url, aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name="eu-central-1")


def client_of(url: str, **more: Any) -> Any:
    plain = {"region_name": "us-east-1", "endpoint_url": url, "config": Config(retries={"total_max_attempts": 1})}
    return boto3.client("bedrock-runtime", **{**plain, **more})


@asynccontextmanager
async def called_by(
    way: str, directory: Path, patch: pytest.MonkeyPatch, *args: Any, **sections: Any
) -> AsyncIterator[tuple[Running, Any]]:
    """A gateway, and a client that comes to it in one of WAYS. `args`, `sections`: as `settings` takes them; `directory`: for the
    certificates, since boto3 sends the key of its variable over TLS only."""
    if way != "variable":
        async with running(settings(*args, **sections)) as edge:
            yield edge, by_hook(edge.url) if way == "hook" else (await by_signature(edge))[0]
        return
    authority = trustme.CA()
    pem, trusted = directory / "server.pem", directory / "ca.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    authority.cert_pem.write_to_path(trusted)
    patch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    async with running(settings(*args, server={"tls": {"cert": str(pem), "key": str(pem)}}, **sections)) as edge:
        yield edge, client_of(edge.url.replace("http://127.0.0.1", "https://localhost"), verify=str(trusted))
