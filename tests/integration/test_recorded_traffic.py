"""Recorded provider traffic through a whole gateway over HTTP: the same dialect, field by field.

The recordings stand outside of the project (LLM_EDGE_SHARED); own samples in tests/wire keep the coverage without them.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.governance.keys import StaticKeys
from proxy.providers.key_pool import Credential
from proxy.settings import Settings
from proxy.storage.responses import ResponseRecord
from tests.support.gateway import KEY, Running, running, settings
from tests.support.replay import replay_server
from tests.support.shared_corpus import corpus, shared_dir

CHECKER = shared_dir() / "recorded" / "check_gateway.py"
ACCOUNT = "sk-x-1234567890"


@pytest.fixture(scope="module")
def replay() -> Iterator[str]:
    with replay_server("--any-model", "--chunking", "bytes:7") as url:
        yield url


def config(url: str, provider: str, attempts: int = 3) -> Settings:
    return settings(
        providers={
            "openai": {"kind": "openai", "base_url": f"{url}/v1", "api_keys": [ACCOUNT]},
            "anthropic": {"kind": "anthropic", "base_url": url, "api_keys": ["sk-ant-1234567890"]},
            "gemini": {"kind": "gemini", "base_url": url, "api_keys": ["gemini-api-key-1234567890"]},
            "bedrock": {"kind": "bedrock", "base_url": url, "api_keys": ["bedrock-api-key-1234567890"]},
        },
        models={"*": {"targets": [{"provider": provider}]}},
        auth={"static_scopes": ["provider_objects"]},  # some name files, containers, a conversation
        cache={"enabled": False},
        routing={"retries": {"attempts": attempts}},
    )


@pytest.mark.parametrize(
    ("protocol", "provider", "number", "client"),
    [
        ("openai_chat", "openai", 88, "raw"),
        ("openai_chat", "openai", 88, "sdk"),
        ("anthropic_messages", "anthropic", 95, "raw"),
        ("anthropic_messages", "anthropic", 95, "sdk"),
        ("openai_responses", "openai", 73, "raw"),
        ("openai_embeddings", "openai", 7, "raw"),
        ("openai_embeddings", "openai", 7, "sdk"),
        ("gemini", "gemini", 68, "raw"),
        ("bedrock_converse", "bedrock", 53, "raw"),
        ("bedrock_converse", "bedrock", 53, "sdk"),
        ("bedrock_converse_stream", "bedrock", 21, "raw"),
        ("bedrock_converse_stream", "bedrock", 21, "sdk"),
    ],
)
async def test_the_same_dialect_is_unchanged(replay: str, protocol: str, provider: str, number: int, client: str) -> None:
    """Every recorded exchange, cut every seven bytes: request and answer as recorded, additions aside."""
    exchanges = corpus("bedrock_converse_stream" if protocol == "bedrock_converse_stream" else protocol)
    throttled = [e["id"] for e in exchanges if e["response"]["status"] == 429]  # a rest that they ask for would meet the others
    ids = [[e["id"] for e in exchanges if e["id"] not in throttled], *([one] for one in throttled)]
    passed = 0
    for some in ids:
        async with running(config(replay, provider, 1 if some[0] in throttled else 3)) as edge:
            await follow_ups_are_ours(edge, exchanges)
            options = ["--base-url", edge.url, "--key", KEY, "--protocol", protocol, "--replay-url", replay, "--client", client]
            if throttled:
                options += [word for one in some for word in ("--id", one)]
            if protocol == "bedrock_converse":
                options += ["--ignore", "code"]  # the recorded errors lack x-amzn-ErrorType, by which boto3 names them; ours have it
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-B",
                CHECKER.name,
                *options,
                cwd=CHECKER.parent,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            out, _ = await process.communicate()
            report = json.loads(out[out.index(b"{") :])
            assert report["failed"] == 0, report["first_failures"][:3]
            assert report["more_than_one_upstream_call"] == {}
            passed += report["passed"]
    assert passed == number


async def follow_ups_are_ours(edge: Running, exchanges: list[dict[str, Any]]) -> None:
    """The answers before the recorded ones were not made through this gateway: they are put into its store, or it would say 404."""
    state = edge.gateway.state
    principal = StaticKeys([KEY]).peek(KEY)
    assert principal is not None
    assert state.pipeline.responses is not None
    for body in (e["request"]["body"] for e in exchanges):
        previous = body.get("previous_response_id")
        if previous is None:
            continue
        record = ResponseRecord(
            response_id=previous,
            tenant=principal.tenant,
            key_id=principal.key_id,
            asked="any",
            provider="openai",
            model="any",
            account=Credential(0, ACCOUNT).fingerprint,
            at_provider=True,
            created_at=state.clock.time(),
            expires_at=state.clock.time() + 600,
        )
        await state.pipeline.responses.put(record)


async def test_streams_are_not_buffered(tmp_path: Path) -> None:
    """Chunks 20 ms apart reach the client as they come. (In a stream of four events the first content is its second or third.)"""
    with replay_server("--any-model", "--delay-ms", "20") as url:
        async with running(config(url, "openai")) as edge:
            options = ["--base-url", edge.url, "--key", KEY, "--protocol", "openai_chat", "--replay-url", url]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-B",
                CHECKER.name,
                *options,
                "--json",
                str(tmp_path / "report.json"),
                cwd=CHECKER.parent,
                stdout=asyncio.subprocess.DEVNULL,
            )
            await process.wait()
    report = json.loads((tmp_path / "report.json").read_bytes())
    events = {item["id"]: item["response"].get("body_text", "").count("data: ") for item in corpus("openai_chat")}
    assert report["failed"] == 0
    assert [i for i in report["buffered"] if events[i] > 5] == []
