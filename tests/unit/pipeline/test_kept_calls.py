"""Calls about an answer that was issued before."""

from typing import Any

import msgspec
import pytest

from proxy.providers.key_pool import KeyPool
from proxy.providers.openai_compatible import AzureOpenAI
from proxy.storage.issue import new_key
from proxy.transport.scripted import Reply, ScriptedTransport
from tests.support.gateway import ADMIN_KEY
from tests.support.library import InProcess, data_of, in_process, json_reply, one_provider, stream_reply
from tests.support.responses_upstream import events, response
from tests.support.upstream import chat
from tests.unit.pipeline.keeping_fixture import account_of, pool, store_of

ANSWER = response("resp_1/.. x", "hello")
PATH = "/v1/responses/resp_1%2F..%20x"
UP = "http://upstream.test/v1/responses/resp_1%2F..%20x"
CALLS = [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")]
PAGE: dict[str, Any] = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


async def made(edge: InProcess) -> None:
    assert (await edge.client.post("/v1/responses", json={"model": "m", "input": "hi"})).status_code == 200


def provider(*replies: Reply) -> tuple[dict[str, Any], ScriptedTransport]:
    transport = ScriptedTransport([json_reply(ANSWER), *replies])
    return {"mine": pool(transport)}, transport


@pytest.mark.parametrize(("method", "below"), CALLS)
async def test_each_call_goes_to_the_account_and_comes_back_as_it_is(method: str, below: str) -> None:
    """Method and path as OpenAI has them, the id quoted, no body; the answer byte for byte."""
    body = b'{"id": "resp_1/.. x", "output": [], "x":  1.50, "deleted": true}'
    providers, transport = provider(json_reply(body))
    async with in_process(providers=providers) as edge:
        await made(edge)
        answer = await edge.client.request(method, PATH + below)
        assert (answer.status_code, answer.content) == (200, body)
        create, call = transport.requests
        assert (call.method, call.url, call.body) == (method, UP + below, b"")
        assert account_of(call) == account_of(create)


async def test_azure_has_its_own_path() -> None:
    """Below the one that new answers are made at."""
    transport = ScriptedTransport([json_reply(ANSWER), json_reply(ANSWER)])
    azure = AzureOpenAI("mine", base_url="http://upstream.test", keys=KeyPool(["azure-key-1234567890"]), transport=transport)
    async with in_process(providers={"mine": azure}) as edge:
        await made(edge)
        assert (await edge.client.get(PATH)).status_code == 200
        assert transport.requests[1].url == UP.replace("/v1/", "/openai/v1/")


async def test_only_known_parameters_are_passed() -> None:
    """Not the client's key, which may stand in the query."""
    providers, transport = provider(json_reply(PAGE))
    async with in_process(providers=providers) as edge:
        await made(edge)
        query = "key=secret&include%5B%5D=a&include[]=b%26c&after=x&limit=5&order=asc&other=1"
        await edge.client.get(f"{PATH}/input_items?{query}")
        assert transport.requests[1].url == f"{UP}/input_items?include%5B%5D=a&include%5B%5D=b%26c&after=x&limit=5&order=asc"


async def test_a_deleted_answer_is_forgotten() -> None:
    """Also where the provider has forgotten it before."""
    gone = json_reply({"error": {"message": "gone"}}, 404)
    for reply, status in ((json_reply({"deleted": True}), 200), (gone, 404)):
        providers, transport = provider(reply)
        async with in_process(providers=providers) as edge:
            await made(edge)
            assert (await edge.client.delete(PATH)).status_code == status
            assert len(store_of(edge)) == 0
            assert (await edge.client.get(PATH)).json()["error"]["code"] == "response_not_found"
            assert len(transport.requests) == 2


async def test_a_delete_that_failed_forgets_nothing() -> None:
    """It can be tried again."""
    providers, _ = provider(json_reply({"error": {"message": "no"}}, 500))
    async with in_process(providers=providers) as edge:
        await made(edge)
        answer = await edge.client.delete(PATH)
        assert (answer.status_code, answer.headers["x-llm-edge-error-source"]) == (500, "provider")
        assert len(store_of(edge)) == 1


async def test_a_key_may_ask_only_for_models_that_it_may_use() -> None:
    """By the name that the answer was asked for, or by its target; 403 for its own tenant, before any call."""
    config = one_provider(auth={"signing_secret": "s" * 40, "static_keys": [], "admin_key": ADMIN_KEY})
    providers, transport = provider(json_reply(ANSWER), json_reply(ANSWER))
    async with in_process(config=config, providers=providers) as edge:
        found = []
        for models in (None, ("other",), ("m",), ("mine/m",)):
            key, record = new_key(b"s" * 40, 1_800_000_000.0, tenant="acme", models=models)
            await edge.gateway.state.records.create(record)
            headers = {"authorization": f"Bearer {key}"}
            if models is None:
                await edge.client.post("/v1/responses", json={"model": "m", "input": "hi"}, headers=headers)
            else:
                found.append((await edge.client.get(PATH, headers=headers)).status_code)
        assert found == [403, 200, 200]
        assert len(transport.requests) == 3


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"error": {"message": "x"}}'])
async def test_an_answer_that_is_none_is_502(body: bytes) -> None:
    """As of new answers."""
    providers, _ = provider(json_reply(body))
    async with in_process(providers=providers) as edge:
        await made(edge)
        answer = await edge.client.get(PATH)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "invalid_upstream_answer")


async def test_a_list_that_is_none_is_502() -> None:
    """Checked as far as it is JSON."""
    providers, _ = provider(json_reply(b"[]"))
    async with in_process(providers=providers) as edge:
        await made(edge)
        assert (await edge.client.get(f"{PATH}/input_items")).status_code == 502


async def test_a_provider_out_of_reach_is_502() -> None:
    """And counted as a try that failed."""
    providers, _ = provider(Reply(fail="connect"))
    async with in_process(providers=providers) as edge:
        await made(edge)
        answer = await edge.client.get(PATH)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
        samples = {(sample.family, sample.labels): sample.values[0] for sample in edge.gateway.metrics.snapshot()}
        assert samples["llm_edge_provider_errors_total", ("mine", "upstream_error")] == 1


async def test_a_provider_that_quotes_its_key_does_not_give_it_away() -> None:
    """Contract K holds here too."""
    providers, transport = provider(json_reply({"error": {"message": "bad key sk-account-one-1234567890 sk-account-two-1234567890"}}, 401))
    async with in_process(providers=providers) as edge:
        await made(edge)
        answer = await edge.client.get(PATH)
        assert answer.status_code == 401
        assert account_of(transport.requests[1]) not in answer.text


async def test_a_stream_is_shown_again() -> None:
    """The provider's events, unchanged."""
    pieces = events(ANSWER)
    providers, transport = provider(stream_reply(pieces))
    async with in_process(providers=providers) as edge:
        await made(edge)
        answer = await edge.client.get(f"{PATH}?stream=true&starting_after=0")
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.content == b"".join(pieces)
        assert dict(transport.requests[1].headers)[b"accept"] == b"text/event-stream"


async def test_a_stream_that_has_no_more_events_is_empty() -> None:
    """`starting_after` the last one."""
    providers, _ = provider(stream_reply([]))
    async with in_process(providers=providers) as edge:
        await made(edge)
        answer = await edge.client.get(f"{PATH}?stream=true&starting_after=99")
        assert (answer.status_code, answer.content) == (200, b"")


BROKEN: dict[str, tuple[Reply, str]] = {
    "cut": (stream_reply(events(ANSWER)[:3]), "ended its stream"),
    "broken off": (stream_reply(events(ANSWER)[:3], fail="body"), "failed"),
    "no event": (stream_reply([*events(ANSWER)[:3], b"data: nonsense\n\n"]), "breaks its own schema"),
    "error": (stream_reply([*events(ANSWER)[:3], b'event: error\ndata: {"type":"error","message":"overloaded"}\n\n']), "overloaded"),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
async def test_a_stream_that_breaks_says_so(case: tuple[Reply, str]) -> None:
    """In-band, and as the last event."""
    reply, words = case
    providers, _ = provider(reply)
    async with in_process(providers=providers) as edge:
        await made(edge)
        told = data_of((await edge.client.get(f"{PATH}?stream=true")).text)
        assert told[-1]["type"] == "error"
        assert words in told[-1]["message"]


async def test_a_stream_that_fails_at_once_is_an_error_answer() -> None:
    """With its status."""
    providers, _ = provider(stream_reply([b"data: nonsense\n\n"]))
    async with in_process(providers=providers) as edge:
        await made(edge)
        assert (await edge.client.get(f"{PATH}?stream=true")).status_code == 502


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("order=up", "order"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("after=no", "after"),
    ],
)
async def test_wrong_parameters_of_a_list_are_named(query: str, param: str) -> None:
    """400."""
    async with in_process(providers={"mine": pool(ScriptedTransport([json_reply(chat())]), keeps=False)}) as edge:
        made_id = (await edge.client.post("/v1/responses", json={"model": "m", "input": "hi"})).json()["id"]
        answer = await edge.client.get(f"/v1/responses/{made_id}/input_items?{query}")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_the_gateways_own_store_is_asked_without_a_call() -> None:
    """Fetched, listed, deleted; neither cancelled nor streamed."""
    async with in_process(providers={"mine": pool(transport := ScriptedTransport([json_reply(chat())]), keeps=False)}) as edge:
        made_answer = (await edge.client.post("/v1/responses", json={"model": "m", "input": "hi"})).json()
        path = f"/v1/responses/{made_answer['id']}"
        assert (await edge.client.get(path)).json() == made_answer
        assert (await edge.client.get(f"{path}/input_items")).json()["data"][0]["content"][0]["text"] == "hi"
        assert (await edge.client.get(f"{path}?stream=true")).status_code == 501
        assert (await edge.client.post(f"{path}/cancel")).status_code == 400
        gone = await edge.client.delete(path)
        assert gone.json() == {"id": made_answer["id"], "object": "response", "deleted": True}
        assert (await edge.client.get(path)).status_code == 404
        assert len(transport.requests) == 1


async def test_an_expired_answer_is_unknown() -> None:
    """Whoever keeps it."""
    providers, _ = provider()
    async with in_process(config=one_provider(responses={"ttl_s": 60}), providers=providers) as edge:
        await made(edge)
        record = next(iter(store_of(edge)._records.values()))
        assert record.expires_at == record.created_at + 60
        await store_of(edge).put(msgspec.structs.replace(record, expires_at=record.created_at - 1))
        assert (await edge.client.get(PATH)).status_code == 404
