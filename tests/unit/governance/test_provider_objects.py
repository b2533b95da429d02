"""Ids in the provider's account, at every door: 403 in the client's dialect without the scope, passed on with it."""

from typing import Any

import pytest

from proxy.storage.issue import new_key
from proxy.transport.scripted import Reply
from tests.support.gateway import ADMIN_KEY
from tests.support.library import InProcess, in_process, json_reply, one_provider
from tests.support.upstream import chat

SECRET = "s" * 40
FILE: dict[str, Any] = {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}
ARN = "arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ:1"
DOORS: dict[str, tuple[str, dict[str, Any], str]] = {
    "chat": ("/v1/chat/completions", {"model": "m", "messages": [FILE]}, "messages[0].content[0].file.file_id"),
    "azure": ("/openai/deployments/m/chat/completions", {"messages": [FILE]}, "messages[0].content[0].file.file_id"),
    "responses": ("/v1/responses", {"model": "m", "input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    "messages": (
        "/v1/messages",
        {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}], "container": "container_1"},
        "container",
    ),
    "converse": (
        "/model/m/converse",
        {"messages": [{"role": "user", "content": [{"document": {"source": {"s3Location": {"uri": "s3://b/k"}}}}]}]},
        "messages[0].content[0].document.source.s3Location",
    ),
    "stored prompt": (f"/model/{ARN.replace('/', '%2F')}/converse", {"promptVariables": {}}, "model"),
    "stored prompt by chat": ("/v1/chat/completions", {"model": f"bedrock/{ARN}", "messages": []}, "model"),
    "gemini": ("/v1beta/models/m:generateContent", {"contents": [], "cachedContent": "cachedContents/1"}, "cachedContent"),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
async def test_without_the_scope_it_is_403(door: tuple[str, dict[str, Any], str]) -> None:
    """Naming the path, before any call."""
    path, body, where = door
    async with in_process() as edge:
        answer = await edge.client.post(path, json=body)
        assert answer.status_code == 403
        assert f"{where} names an object" in answer.text
        assert edge.sent == []


async def asked(edge: InProcess, key: str) -> int:
    headers = {"authorization": f"Bearer {key}"}
    return (await edge.client.post("/v1/chat/completions", json={"model": "m", "messages": [FILE]}, headers=headers)).status_code


def answer(_request: object) -> Reply:
    return json_reply(chat())


async def test_keys_with_the_scope_may() -> None:
    """Signed keys whose record says so, and the admin key; other signed keys may not."""
    config = one_provider(auth={"signing_secret": SECRET, "static_keys": [], "admin_key": ADMIN_KEY})
    async with in_process(answer, config=config) as edge:
        found = {}
        for scopes in ((), ("provider_objects",)):
            key, record = new_key(SECRET.encode(), 1_800_000_000.0, scopes=scopes)
            await edge.gateway.state.records.create(record)
            found[scopes] = await asked(edge, key)
        assert found == {(): 403, ("provider_objects",): 200}
        assert await asked(edge, ADMIN_KEY) == 200


async def test_static_keys_have_the_scopes_of_the_configuration() -> None:
    """`auth.static_scopes`, a comma list in the environment."""
    config = one_provider(auth={"static_keys": ["test-key-0123456789"], "static_scopes": "provider_objects"})
    async with in_process(answer, config=config) as edge:
        assert (await edge.chat(messages=[FILE])).status_code == 200


async def test_the_code_is_stable() -> None:
    """`scope_required`, with the path as its param; not to be sent again."""
    async with in_process() as edge:
        refused = await edge.chat(messages=[FILE])
        error = refused.json()["error"]
        assert (error["code"], error["param"]) == ("scope_required", "messages[0].content[0].file.file_id")
        assert refused.headers["x-should-retry"] == "false"
