"""A picture named by its URL reaches a provider that takes bytes only; addresses of the inside do not (contract P)."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import Running, running, settings
from tests.support.upstream import Call, Upstream

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "a square"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
}


async def both(call: Call) -> None:
    """Bedrock, and the web server next to it."""
    if call.method == "GET":
        await call.answer(200, PNG if call.path.partition("?")[0] == "/a.png" else b"<html>", {"content-type": "image/png"})
    else:
        await call.answer(200, ANSWER)


@pytest.fixture
async def up() -> AsyncIterator[Upstream]:
    async with Upstream() as upstream:
        upstream.on(both)
        yield upstream


def config(up: Upstream, *, fetch_urls: str = "auto", **fetch: Any) -> Any:
    provider = {"kind": "bedrock", "base_url": up.url, "api_keys": ["bedrock-api-key"], "fetch_urls": fetch_urls}
    ports = {"ports": [int(up.url.rpartition(":")[2])]}
    return settings(providers={"bedrock": provider}, fetch={**ports, **fetch})


async def look(edge: Running, url: str, **headers: str) -> Any:
    content = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    body = {"model": "anthropic.claude-3-5-sonnet-20240620-v1:0", "messages": [{"role": "user", "content": content}]}
    return await edge.client.post("/v1/chat/completions", json=body, headers=headers)


async def test_the_picture_arrives_as_bytes(up: Upstream) -> None:
    """With the format that its bytes have; the gateway's key stays at home."""
    async with running(config(up, allow=["127.0.0.1/32"])) as edge:
        answer = await look(edge, f"{up.url}/a.png?sig=1")
    assert answer.status_code == 200, answer.text
    assert "x-llm-edge-dropped" not in answer.headers
    got, sent = up.calls
    assert (got.method, got.path) == ("GET", "/a.png?sig=1")
    assert "authorization" not in got.headers
    image = sent.json["messages"][0]["content"][1]["image"]
    assert image == {"format": "png", "source": {"bytes": base64.b64encode(PNG).decode()}}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
async def test_this_machine_is_not_reached(up: Upstream, host: str) -> None:
    """The client's mistake, in its dialect, naming the part; nothing is sent anywhere."""
    async with running(config(up)) as edge:
        answer = await look(edge, f"http://{host}:{up.url.rpartition(':')[2]}/a.png")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "url_not_fetched", "messages[0].content[1]")
    assert "no server could be reached there" in error["message"]
    assert not up.calls


async def test_a_page_is_no_picture(up: Upstream) -> None:
    """Before the provider is called."""
    async with running(config(up, allow=["127.0.0.1/32"])) as edge:
        answer = await look(edge, f"{up.url}/page")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "url_not_fetched")
    assert [call.method for call in up.calls] == ["GET"]


@pytest.mark.parametrize("off", [{"enabled": False}, {"fetch_urls": "never"}])
async def test_switched_off_it_is_reported(up: Upstream, off: dict[str, Any]) -> None:
    """The part is named as dropped; strict clients get 422."""
    async with running(config(up, allow=["127.0.0.1/32"], **off)) as edge:
        lax = await look(edge, f"{up.url}/a.png")
        strict = await look(edge, f"{up.url}/a.png", **{"x-llm-edge-strict": "true"})
    assert (lax.status_code, lax.headers["x-llm-edge-dropped"]) == (200, "messages[0].content[1]")
    assert strict.status_code == 422
    assert all(call.method == "POST" for call in up.calls)


async def test_a_provider_that_fetches_itself_gets_the_url(up: Upstream) -> None:
    """Unless it is to be spared: `always`."""
    for how, source in (("auto", "url"), ("always", "base64")):
        up.calls.clear()
        provider = {"kind": "anthropic", "base_url": up.url, "api_keys": ["k"], "fetch_urls": how}
        ports = [int(up.url.rpartition(":")[2])]
        async with running(
            settings(providers={"a": provider}, fetch={"ports": ports, "allow": ["127.0.0.1"]}, routing={"retries": {"attempts": 1}})
        ) as edge:
            await look(edge, f"{up.url}/a.png")
        (sent,) = (call for call in up.calls if call.method == "POST")
        assert sent.json["messages"][0]["content"][1]["source"]["type"] == source


async def test_a_new_configuration_has_its_own_rules(up: Upstream) -> None:
    """A reload may open and close it."""
    async with running(config(up)) as edge:
        assert (await look(edge, f"{up.url}/a.png")).status_code == 400
        await edge.gateway.reload(config(up, allow=["127.0.0.1/32"]))
        assert (await look(edge, f"{up.url}/a.png")).status_code == 200
