"""Answers that clients come back to, by the real OpenAI SDK over real sockets: at a provider that keeps them, and from the gateway's own
store at providers that know only chat or messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from proxy.storage.issue import new_key
from tests.support.gateway import ADMIN_KEY, KEY, Running, running, settings
from tests.support.responses_upstream import KeepingProvider, events, response
from tests.support.upstream import Call, Upstream, chat, chat_stream, json_answer, stream_answer

OTHER_KEY = "other-test-key-0123456789"
ACCOUNTS = ["sk-account-one-1234567890", "sk-account-two-1234567890"]
TOOL: Any = {"type": "function", "name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}
CALLS = {
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}],
    "role": "assistant",
    "content": None,
}


def tenants(url: str, **more: Any) -> Any:
    """Two static keys, each a tenant of its own, behind one provider with a pool of two accounts."""
    provider = {"kind": "openai", "base_url": f"{url}/v1", "api_keys": ACCOUNTS}
    return settings(
        url,
        **{
            "providers": {"openai": provider},
            "auth": {"static_keys": [KEY, OTHER_KEY], "admin_key": ADMIN_KEY},
            **more,
        },
    )


def chat_only(url: str, **more: Any) -> Any:
    provider = {"kind": "openai_compatible", "base_url": f"{url}/v1", "api_keys": ACCOUNTS[:1]}
    return tenants(url, **{"providers": {"local": provider}, **more})


@asynccontextmanager
async def sdk(edge: Running, key: str = KEY) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=key, max_retries=0, _strict_response_validation=True) as client:
        yield client


@pytest.fixture
def kept() -> KeepingProvider:
    return KeepingProvider()


@pytest.fixture
async def upstream(kept: KeepingProvider) -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        up.on(kept.handle)
        yield up


async def test_a_life_at_a_provider_that_keeps_it(upstream: Upstream, kept: KeepingProvider) -> None:
    """Created, followed up, fetched, its input listed, cancelled, deleted: all at the account that made it."""
    async with running(tenants(upstream.url)) as edge, sdk(edge) as client:
        first = await client.responses.create(model="gpt-4o", input="one")
        second = await client.responses.create(model="gpt-4o", input="two", previous_response_id=first.id)
        assert second.output_text == "answer 2 to 2 inputs"
        assert second.previous_response_id == first.id
        assert (await client.responses.retrieve(first.id)).output_text == first.output_text
        items = [item async for item in client.responses.input_items.list(second.id, order="asc", limit=5)]
        assert [item.id for item in items] == ["msg_in1", "msg_in2"]
        assert (await client.responses.cancel(second.id)).status == "cancelled"
        await client.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(first.id)
    assert len({account for account, _, _ in kept.served}) == 1
    assert "order=asc" in kept.served[3][2]


async def test_a_stream_is_followed_up(upstream: Upstream) -> None:
    """Its id counts from the first event on; a stream kept there can be shown again from any event on."""
    async with running(tenants(upstream.url)) as edge, sdk(edge) as client:
        async with client.responses.stream(model="gpt-4o", input="one") as stream:
            first = await stream.get_final_response()
        second = await client.responses.create(model="gpt-4o", input="two", previous_response_id=first.id)
        assert second.output_text == "answer 2 to 2 inputs"
        again = await client.responses.retrieve(first.id, stream=True, starting_after=3)
        kinds = [event.type async for event in again]
        assert (kinds[0], kinds[-1], len(kinds)) == ("response.output_text.delta", "response.completed", 5)


async def test_background_at_a_provider_that_keeps_it(upstream: Upstream) -> None:
    """Queued, polled, cancelled."""
    async with running(tenants(upstream.url)) as edge, sdk(edge) as client:
        queued = await client.responses.create(model="gpt-4o", input="one", background=True)
        assert queued.status == "queued"
        assert (await client.responses.retrieve(queued.id)).status == "queued"
        assert (await client.responses.cancel(queued.id)).status == "cancelled"


async def refused(client: openai.AsyncOpenAI, response_id: str) -> list[tuple[int, Any]]:
    """How every call about an answer ends: status and body, with the id taken out."""
    calls: list[Any] = [
        lambda: client.responses.retrieve(response_id),
        lambda: client.responses.delete(response_id),
        lambda: client.responses.cancel(response_id),
        lambda: client.responses.input_items.list(response_id),
        lambda: client.responses.create(model="gpt-4o", input="x", previous_response_id=response_id),
        lambda: client.responses.create(model="gpt-4o", input="x", previous_response_id=response_id, stream=True),
    ]
    found = []
    for call in calls:
        with pytest.raises(openai.APIStatusError) as caught:
            await call()
        body = caught.value.response.json()
        body["error"]["message"] = body["error"]["message"].replace(response_id, "ID")
        found.append((caught.value.status_code, body))
    return found


@pytest.mark.parametrize("kind", ["kept by the provider", "kept by the gateway"])
async def test_another_tenant_finds_nothing(kind: str, upstream: Upstream, tmp_path: Path) -> None:
    """404 for every call, the same as for an id that never was, also after a restart; the maker still finds it."""
    if kind == "kept by the gateway":
        upstream.on(json_answer(chat("hello")))
    config = (tenants if kind == "kept by the provider" else chat_only)(upstream.url, stores={"records": f"sqlite:///{tmp_path}/r.db"})
    async with running(config) as edge, sdk(edge) as client:
        made = (await client.responses.create(model="gpt-4o", input="secret")).id
    async with running(config) as edge, sdk(edge) as mine, sdk(edge, OTHER_KEY) as other, sdk(edge, ADMIN_KEY) as admin:
        before = len(upstream.calls)
        theirs, unknown = await refused(other, made), await refused(other, "resp_" + "0" * 32)
        assert theirs == unknown == await refused(admin, made)
        assert [status for status, _ in theirs] == [404] * 6
        assert len(upstream.calls) == before
        assert (await mine.responses.retrieve(made)).id == made


async def test_keys_of_one_tenant_share_their_answers(upstream: Upstream) -> None:
    """Whoever of the tenant asks."""
    async with running(tenants(upstream.url, auth={"signing_secret": "s" * 40, "static_keys": [], "admin_key": ADMIN_KEY})) as edge:
        keys = []
        for _ in range(2):
            key, record = new_key(b"s" * 40, 1_800_000_000.0, tenant="acme")
            await edge.gateway.state.records.create(record)
            keys.append(key)
        async with sdk(edge, keys[0]) as one, sdk(edge, keys[1]) as two:
            made = await one.responses.create(model="gpt-4o", input="one")
            assert (await two.responses.retrieve(made.id)).id == made.id


async def test_an_account_that_is_gone_is_said(upstream: Upstream, tmp_path: Path) -> None:
    """410, and no call with another credential."""
    records: Any = {"stores": {"records": f"sqlite:///{tmp_path}/r.db"}}
    async with running(tenants(upstream.url, **records)) as edge, sdk(edge) as client:
        made = (await client.responses.create(model="gpt-4o", input="one")).id
    new = {"openai": {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["sk-another-1234567890"]}}
    before = len(upstream.calls)
    async with running(tenants(upstream.url, **records, providers=new)) as edge, sdk(edge) as client:
        calls: list[Any] = [
            lambda: client.responses.retrieve(made),
            lambda: client.responses.create(model="gpt-4o", input="two", previous_response_id=made),
        ]
        for call in calls:
            with pytest.raises(openai.APIStatusError) as caught:
                await call()
            assert (caught.value.status_code, caught.value.response.json()["error"]["code"]) == (410, "response_gone")
    assert len(upstream.calls) == before


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_conversation_at_a_provider_that_keeps_nothing(streamed: bool) -> None:
    """The gateway sends it whole: input, answer, what is new; instructions are those of the turn."""
    async with Upstream() as up:
        up.on(stream_answer(chat_stream("hel", "lo")) if streamed else json_answer(chat("hello")))
        async with running(chat_only(up.url)) as edge, sdk(edge) as client:
            first = await turn(client, streamed, input="one", instructions="Be brief.")
            second = await turn(client, streamed, input=[{"role": "user", "content": "two"}], previous_response_id=first.id)
            third = await turn(client, streamed, input="three", previous_response_id=second.id)
            assert (second.previous_response_id, second.store) == (first.id, True)
            assert len({first.id, second.id, third.id}) == 3
        told = [[(m["role"], m["content"]) for m in call.json["messages"]] for call in up.calls]
        assert [role for role, _ in told[0]] == ["system", "user"]
        assert told[1] == [("user", "one"), ("assistant", "hello"), ("user", "two")]
        assert told[2] == [*told[1], ("assistant", "hello"), ("user", "three")]
        assert not any("store" in call.json or "previous_response_id" in call.json for call in up.calls)


@pytest.mark.parametrize("keeps", [True, False])
async def test_the_end_of_a_stream_is_told_when_it_can_be_followed_up(keeps: bool) -> None:
    """Also where the end is relayed long after the beginning, event by event."""
    async with Upstream() as up:
        goes_on = asyncio.Event()
        pieces = events(response("resp_1", "hello")) if keeps else chat_stream("hel", "lo")

        async def slowly(call: Call) -> None:
            if call.json.get("stream") is not True:
                await call.answer(200, response("resp_2", "more") if keeps else chat("more"))
                return
            await call.begin_stream()
            for number, piece in enumerate(pieces):
                await call.chunk(piece)
                if number == 4 or not keeps:
                    await asyncio.wait_for(goes_on.wait(), 10) if number > 0 else await asyncio.sleep(0)
            await call.end_stream()

        up.on(slowly)
        async with running((tenants if keeps else chat_only)(up.url)) as edge, sdk(edge) as client:
            seen: list[str] = []
            async for event in await client.responses.create(model="gpt-4o", input="one", stream=True):
                seen.append(event.type)
                if event.type == "response.output_text.delta":
                    goes_on.set()
                if event.type == "response.completed":
                    later = await client.responses.create(model="gpt-4o", input="two", previous_response_id=event.response.id)
                    assert later.output_text == "more"
            assert seen[-1] == "response.completed"
            assert seen.count("response.completed") == 1


async def turn(client: openai.AsyncOpenAI, streamed: bool, **fields: Any) -> Any:
    if not streamed:
        return await client.responses.create(model="gpt-4o", **fields)
    async with client.responses.stream(model="gpt-4o", **fields) as stream:
        return await stream.get_final_response()


async def test_a_tool_call_is_answered_by_its_id_alone() -> None:
    """The call that it belongs to comes from the store."""
    async with Upstream() as up:
        called = {**chat(), "choices": [{"index": 0, "message": CALLS, "finish_reason": "tool_calls"}]}
        up.script(json_answer(called), json_answer(chat("2")))
        async with running(chat_only(up.url)) as edge, sdk(edge) as client:
            first = await client.responses.create(model="gpt-4o", input="1+1?", tools=[TOOL])
            call = next(item for item in first.output if item.type == "function_call")
            result: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "2"}]
            second = await client.responses.create(model="gpt-4o", input=result, tools=[TOOL], previous_response_id=first.id)
            assert second.output_text == "2"
        sent = up.calls[1].json["messages"]
        assert [m["role"] for m in sent] == ["user", "assistant", "tool"]
        assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == call.call_id


async def test_a_life_in_the_gateways_own_store() -> None:
    """Fetched as it was, its input listed in pages, not cancelled, deleted for good."""
    async with Upstream() as up:
        up.on(json_answer(chat("hello")))
        async with running(chat_only(up.url)) as edge, sdk(edge) as client:
            made = await client.responses.create(model="gpt-4o", input="one")
            assert await client.responses.retrieve(made.id) == made
            later = await client.responses.create(model="gpt-4o", input="two", previous_response_id=made.id)
            listed: list[Any] = [item async for item in client.responses.input_items.list(later.id, limit=1)]
            assert [item.content[0].text for item in listed] == ["two", "hello", "one"]
            with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
                await client.responses.cancel(made.id)
            with pytest.raises(openai.APIStatusError) as caught:
                await client.responses.retrieve(made.id, stream=True)
            assert caught.value.status_code == 501
            await client.responses.delete(made.id)
            with pytest.raises(openai.NotFoundError):
                await client.responses.retrieve(made.id)
            assert (await client.responses.retrieve(later.id)).id == later.id


async def test_a_conversation_at_anthropic() -> None:
    """Translated like any other."""
    async with Upstream() as up:
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "text", "text": "hello"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 1},
        }
        up.on(json_answer(message))
        provider = {"a": {"kind": "anthropic", "base_url": up.url, "api_keys": ["sk-ant-1234567890"]}}
        async with running(tenants(up.url, providers=provider)) as edge, sdk(edge) as client:
            first = await client.responses.create(model="claude-sonnet-4-5", input="one", reasoning={"effort": "low"})
            await client.responses.create(
                model="claude-sonnet-4-5", input="two", previous_response_id=first.id, reasoning={"effort": "low"}
            )
        sent = up.calls[1].json["messages"]
        assert [m["role"] for m in sent] == ["user", "assistant", "user"]
        assert [block["type"] for block in sent[1]["content"]] == ["thinking", "text"]


async def test_what_is_not_stored_is_not_there() -> None:
    """`store: false`, or the setting, and its id is unknown afterwards."""
    async with Upstream() as up:
        up.on(json_answer(chat("hello")))
        for config, store in ((chat_only(up.url), False), (chat_only(up.url, responses={"keep": False}), True)):
            async with running(config) as edge, sdk(edge) as client:
                made = await client.responses.create(model="gpt-4o", input="one", store=store)
                with pytest.raises(openai.NotFoundError):
                    await client.responses.retrieve(made.id)
                with pytest.raises(openai.NotFoundError) as caught:
                    await client.responses.create(model="gpt-4o", input="two", previous_response_id=made.id)
                assert caught.value.code == "previous_response_not_found"


async def test_what_only_a_keeping_provider_can_do_is_refused_elsewhere() -> None:
    """501 that names the field."""
    async with running(settings()) as edge:
        for name, value in (("conversation", "conv_1"), ("background", True), ("prompt", {"id": "pmpt_1"})):
            answer = await edge.client.post(
                "/v1/responses", json={"model": "echo", "input": "x", name: value}, headers={"authorization": f"Bearer {ADMIN_KEY}"}
            )
            assert (answer.status_code, answer.json()["error"]["param"]) == (501, name)
            assert answer.headers["x-should-retry"] == "false"
