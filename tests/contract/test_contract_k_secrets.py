"""Contract K: allow-lists in and out, and no secret anywhere.

Here: what reaches the upstream and the client, log and access lines, metrics, reprs, the database file and a Redis dump. Audit, spool and
traces come with their parts.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis.asyncio

from proxy.storage.issue import new_access_key, new_key, signing_secret
from proxy.telemetry.logbuffer import LogBuffer
from proxy.telemetry.logs import AccessLog
from proxy.transport.sigv4 import Credentials, sign
from tests.support.gateway import ADMIN_KEY, KEY, chat_body, running, settings
from tests.support.sink import KeptLines
from tests.support.upstream import Upstream, chat, chat_stream, failing, json_answer, stream_answer
from tests.support.valkey import Valkey

PROVIDER_KEY = "sk-provider-canary-1234567890"


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


async def dumped(url: str) -> str:
    """Every key and value of a Redis."""
    client = redis.asyncio.Redis.from_url(url)
    try:
        values = [
            (key, await (client.hgetall(key) if await client.type(key) == b"hash" else client.get(key))) async for key in client.scan_iter()
        ]
        return "".join(map(repr, values))
    finally:
        await client.aclose()


async def gemini_calls(url: str, keys: list[str]) -> list[str]:
    """Google's two ways to send a key; the last one with a body that is refused."""
    seen: list[str] = []
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
        for key in keys:
            for query, headers in ((f"?key={key}", {}), ("", {"x-goog-api-key": key}), (f"?key={key}&key=other", {})):
                contents = [{"parts": [{"text": f"{len(seen)}"}]}] if "other" not in query else []
                answer = await client.post(f"/v1beta/models/m:generateContent{query}", json={"contents": contents}, headers=headers)
                assert answer.status_code == (200 if contents else 400)
                seen.append(answer.text + repr(answer.headers))
    return seen


async def signed_calls(url: str, access_key: str, secret: str) -> list[str]:
    """By each of Bedrock's operations one that is right and one whose body was changed."""
    media = (b"content-type", b"application/json")
    credentials = Credentials(access_key=access_key, secret_key=secret)
    seen: list[str] = []
    for target, body in (
        (f"{url}/model/m/converse", b'{"messages":[{"role":"user","content":[{"text":"signed"}]}]}'),
        (f"{url}/model/m/invoke", b'{"inputText":"signed"}'),
    ):
        added = sign("POST", target, [media], body, credentials, region="us-east-1", service="bedrock", now=time.time())
        headers = {name.decode(): value.decode() for name, value in (media, *added)}
        async with httpx2.AsyncClient(trust_env=False) as client:
            answers = [await client.post(target, content=content, headers=headers) for content in (body, body + b" ")]
        assert [answer.status_code for answer in answers] == [200, 403]
        seen += [answer.text + repr(answer.headers) for answer in answers]
    return seen


async def test_the_canaries_stay_where_they_belong(
    upstream: Upstream, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Gateway keys (static, admin, issued, an access key's secret) never show up upstream, in logs, metrics, the database or Redis; the
    provider's never downstream."""
    lines = KeptLines()
    with Valkey() as valkey:
        config = settings(
            upstream.url, stores={"records": f"sqlite:///{tmp_path}/edge.db", "redis": valkey.url}, routing={"retries": {"attempts": 1}}
        )
        async with running(config, access_log=AccessLog(LogBuffer(lines))) as edge:
            state = edge.gateway.state
            issued, record = new_key(await signing_secret(state.records, None), 0.0)
            await state.records.create(record)
            canaries = [KEY, ADMIN_KEY, issued]
            seen: list[str] = []
            handlers: list[Any] = [
                json_answer(chat()),
                stream_answer(chat_stream("a")),
                failing(401, "Incorrect API key"),
                json_answer(b"<html>"),
            ]
            for n, (key, handler) in enumerate((k, h) for k in canaries for h in handlers):
                upstream.on(handler)
                answer = await edge.client.post(
                    "/v1/chat/completions",
                    json=chat_body(f"{n}", stream=n % 4 == 1),
                    headers={"authorization": f"Bearer {key}", "x-api-key": key, "cookie": f"k={key}", "x-custom": key},
                )
                seen.append(answer.text + repr(answer.headers))
            seen.append((await edge.client.post("/v1/chat/completions", content=b"{", headers={"x-api-key": "bad-" + KEY})).text)
            seen.append((await edge.client.get(f"/v1/models?key={KEY}")).text)
            upstream.on(json_answer(chat()))
            seen += await gemini_calls(edge.url, canaries)
            access_key, secret, signed = new_access_key(await signing_secret(state.records, None), 0.0)
            await state.records.create(signed)
            seen += await signed_calls(edge.url, access_key, secret)
            canaries.append(secret)
            seen.append((await edge.client.get("/metrics")).text)
            await asyncio.sleep(0.1)
            dump = await dumped(valkey.url)
            inside = repr(state) + repr(state.settings) + repr(state.pipeline) + repr(edge.gateway)
    out, err = capfd.readouterr()
    logs = lines.data.decode() + caplog.text + out + err
    database = "".join(path.read_text("latin-1") for path in sorted(tmp_path.rglob("*")) if path.is_file())  # noqa: ASYNC240 - everything has ended
    wire = "".join(repr(c.headers) + c.path + c.body.decode() for c in upstream.calls)
    assert PROVIDER_KEY in wire
    for key in canaries:
        for name, text in {
            "upstream": wire,
            "logs": logs,
            "answers": "".join(seen),
            "database": database,
            "redis": dump,
            "repr": inside,
        }.items():
            assert key not in text, name
    for name, text in {"logs": logs, "answers": "".join(seen), "database": database, "redis": dump, "repr": inside}.items():
        assert PROVIDER_KEY not in text, name


async def test_only_listed_headers_reach_the_provider(upstream: Upstream) -> None:
    """Everything else of the client's stays here."""
    upstream.on(json_answer(chat()))
    async with running(settings(upstream.url)) as edge:
        await edge.chat(
            headers={"x-forwarded-for": "1.2.3.4", "cookie": "a=b", "openai-organization": "org", "openai-beta": "x=1", "x-anything": "1"}
        )
    names = set(upstream.calls[0].headers)
    assert names == {"host", "content-length", "content-type", "accept", "user-agent", "authorization", "accept-encoding", "openai-beta"}


async def test_only_listed_headers_reach_the_client(upstream: Upstream) -> None:
    """The provider's rate limits, cookies and organisation stay here; its request id is passed under our name."""
    upstream.on(
        json_answer(
            chat(), headers={"x-ratelimit-remaining-requests": "9", "set-cookie": "x", "openai-organization": "o", "x-request-id": "req_9"}
        )
    )
    async with running(settings(upstream.url)) as edge:
        answer = await edge.chat()
        assert answer.headers["x-llm-edge-provider-request-id"] == "req_9"
        assert not {"x-ratelimit-remaining-requests", "set-cookie", "openai-organization"} & set(answer.headers)


@pytest.mark.parametrize(
    "field",
    [
        {"api_base": "http://127.0.0.1:1"},
        {"base_url": "http://127.0.0.1:1"},
        {"api_key": "sk-x"},
        {"extra_headers": {"authorization": "x"}},
    ],
)
async def test_clients_cannot_name_an_upstream(upstream: Upstream, field: dict[str, Any]) -> None:
    """A field of that kind is the provider's to judge; it never moves the request."""
    upstream.on(json_answer(chat()))
    async with running(settings(upstream.url)) as edge:
        assert (await edge.chat(**field)).status_code == 200
        assert upstream.calls[0].headers["authorization"] == f"Bearer {PROVIDER_KEY}"
        assert (await edge.chat(model="http://127.0.0.1:1/v1")).status_code == 400


@pytest.mark.parametrize(
    "head",
    [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "content-length: 5\r\ncontent-length: 6",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: xchunked",
        "content-length: +5",
        "x: a\r\n folded: b\r\ncontent-length: 2",
        "content-length : 2",
    ],
)
async def test_smuggling_forms_are_refused(upstream: Upstream, head: str) -> None:
    """400 (501 for a transfer coding that nobody knows), and the connection is closed."""
    upstream.on(json_answer(chat()))
    async with running(settings(upstream.url)) as edge:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(edge.url.rpartition(":")[2]))
        writer.write(f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n{head}\r\n\r\n0\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
        assert answer[9:12] in ((b"400", b"501") if "xchunked" in head else (b"400",))
    assert not upstream.calls
