"""What becomes of an answer's id."""

import logging
from typing import Any

import msgspec
import pytest

from proxy.codecs.openai_responses.kept import unpack
from proxy.governance.keys import StaticKeys
from proxy.transport.scripted import ScriptedTransport
from tests.support.gateway import ADMIN_KEY, settings
from tests.support.library import InProcess, data_of, in_process, json_reply, one_provider, stream_reply
from tests.support.responses_upstream import events, response
from tests.support.upstream import chat, chat_chunk, chat_stream
from tests.unit.pipeline.keeping_fixture import ADMIN, pool, store_of

ANSWER = response("resp_1", "hello")


async def ask(edge: InProcess, **body: Any) -> Any:
    return await edge.client.post("/v1/responses", json={"model": "m", "input": "hi", **body})


def chat_provider(*replies: Any) -> dict[str, Any]:
    return {"providers": {"mine": pool(ScriptedTransport(list(replies)), keeps=False)}}


async def test_an_id_of_the_providers_is_recorded_with_its_account() -> None:
    """Without content: that stays where it is."""
    transport = ScriptedTransport([json_reply(ANSWER)])
    provider = pool(transport)
    async with in_process(providers={"mine": provider}) as edge:
        assert (await ask(edge)).json() == ANSWER
        (record,) = store_of(edge)._records.values()
        assert (record.response_id, record.provider, record.model, record.asked) == ("resp_1", "mine", "m", "m")
        assert (record.at_provider, record.kept) == (True, None)
        assert record.account in {member.fingerprint for member in provider.keys.members}
        assert record.expires_at - record.created_at == pytest.approx(30 * 86_400)
        assert not any(member.secret in repr(record) for member in provider.keys.members)


async def test_an_answer_of_the_gateways_is_kept_whole() -> None:
    """With its input; it says so itself."""
    async with in_process(**chat_provider(json_reply(chat("hello")))) as edge:
        answer = (await ask(edge)).json()
        (record,) = store_of(edge)._records.values()
        kept = unpack(record.kept or b"")
        assert kept is not None
        assert (kept.input, kept.response) == ([{"role": "user", "content": "hi"}], answer)
        assert (answer["store"], answer["id"]) == (True, record.response_id)
        assert answer["id"].startswith("resp_")
        assert not record.at_provider


async def test_a_stream_of_the_gateways_is_kept_before_its_end_is_told() -> None:
    """One id in all its events; the whole is that of the terminal event."""
    async with in_process(**chat_provider(stream_reply(chat_stream("hel", "lo")))) as edge:
        told = data_of((await ask(edge, stream=True)).text)
        (record,) = store_of(edge)._records.values()
        kept = unpack(record.kept or b"")
        assert kept is not None
        assert kept.response == told[-1]["response"]
        assert record.response_id.startswith("resp_")
        assert {event["response"]["id"] for event in told if "response" in event} == {record.response_id}
        assert {event["response"]["store"] for event in told if "response" in event} == {True}


async def test_a_broken_stream_is_not_kept() -> None:
    """It has no answer."""
    async with in_process(**chat_provider(stream_reply(chat_stream("hel")[:2]))) as edge:
        assert data_of((await ask(edge, stream=True)).text)[-1]["type"] == "error"
        assert len(store_of(edge)) == 0


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("streamed", [True, False])
async def test_nothing_is_recorded_of_what_is_not_stored(keeps: bool, streamed: bool) -> None:
    """`store: false`, anywhere, whole or streamed."""
    reply = (stream_reply(events(ANSWER) if keeps else chat_stream("x"))) if streamed else json_reply(ANSWER if keeps else chat("x"))
    async with in_process(providers={"mine": pool(ScriptedTransport([reply]), keeps=keeps)}) as edge:
        assert (await ask(edge, store=False, stream=streamed)).status_code == 200
        assert len(store_of(edge)) == 0


async def test_nothing_is_recorded_of_other_dialects() -> None:
    """`store` of chat completions means something else."""
    async with in_process(json_reply(chat())) as edge:
        await edge.chat(store=True)
        assert len(store_of(edge)) == 0


async def test_keeping_can_be_turned_off() -> None:
    """Ids of the provider's are recorded all the same; what the gateway would keep says that it is not."""
    config = one_provider(responses={"keep": False})
    async with in_process(config=config, **chat_provider(json_reply(chat("hello")))) as edge:
        answer = await ask(edge)
        assert (answer.json()["store"], len(store_of(edge)), answer.headers.get("x-llm-edge-dropped")) == (False, 0, None)
    async with in_process(config=config, providers={"mine": pool(ScriptedTransport([json_reply(ANSWER)]))}) as edge:
        await ask(edge)
        assert len(store_of(edge)) == 1


@pytest.mark.parametrize("streamed", [True, False])
async def test_an_input_that_is_too_large_is_not_kept(streamed: bool) -> None:
    """And is reported: `store` is dropped."""
    reply = stream_reply(chat_stream("x")) if streamed else json_reply(chat("x"))
    async with in_process(config=one_provider(responses={"max_kb": 1}), **chat_provider(reply)) as edge:
        answer = await ask(edge, input="x" * 2000, stream=streamed)
        assert answer.headers["x-llm-edge-dropped"] == "store"
        assert len(store_of(edge)) == 0
        assert b'"store":true' not in answer.content


async def test_an_output_that_is_too_large_is_known_but_not_kept() -> None:
    """Its maker is told why, and nobody else."""
    replies = [stream_reply(chat_stream("x" * 2000))]
    async with in_process(config=one_provider(responses={"max_kb": 1}), **chat_provider(*replies)) as edge:
        made = data_of((await ask(edge, stream=True)).text)[-1]["response"]["id"]
        for answer in (await ask(edge, previous_response_id=made), await edge.client.get(f"/v1/responses/{made}")):
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "response_not_kept")
        other = await edge.client.get(f"/v1/responses/{made}", headers=ADMIN)
        assert other.json()["error"]["code"] == "response_not_found"


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("keeps", [True, False])
async def test_a_store_that_is_down_costs_the_id_only(streamed: bool, keeps: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The answer comes; the loss is logged and counted. A follow-up that cannot be looked up is 503."""
    reply = (stream_reply(events(ANSWER) if keeps else chat_stream("x"))) if streamed else json_reply(ANSWER if keeps else chat("x"))
    async with in_process(providers={"mine": pool(ScriptedTransport([reply]), keeps=keeps)}) as edge:
        store_of(edge).fail(True)
        with caplog.at_level(logging.WARNING):
            assert (await ask(edge, stream=streamed)).status_code == 200
        assert any("cannot be followed up" in record.getMessage() for record in caplog.records)
        assert edge.gateway.metrics.counters[("llm_edge_response_records_lost_total",)] == 1
        assert (await ask(edge, previous_response_id="resp_1")).status_code == 503


async def test_an_answer_without_an_id_is_not_recorded() -> None:
    """Some compatible servers send none: there is nothing to come back to."""
    without = {key: value for key, value in ANSWER.items() if key != "id"}
    async with in_process(providers={"mine": pool(ScriptedTransport([json_reply(without)]))}) as edge:
        assert (await ask(edge)).status_code == 200
        assert len(store_of(edge)) == 0


async def test_what_a_follow_up_reports_as_lost() -> None:
    """Not `store` nor `previous_response_id`: the gateway does both itself."""
    async with in_process(**chat_provider(json_reply(chat("a")), json_reply(chat("b")))) as edge:
        first = await ask(edge, store=True)
        second = await ask(edge, store=True, previous_response_id=first.json()["id"], truncation="auto")
        assert "x-llm-edge-dropped" not in first.headers
        assert second.headers["x-llm-edge-dropped"] == "truncation"
        assert second.json()["previous_response_id"] == first.json()["id"]


async def test_a_follow_up_that_is_not_stored_still_knows_what_was() -> None:
    """Read, but not written."""
    transport = ScriptedTransport([json_reply(chat("a")), json_reply(chat("b"))])
    async with in_process(providers={"mine": pool(transport, keeps=False)}) as edge:
        first = (await ask(edge)).json()["id"]
        assert (await ask(edge, previous_response_id=first, store=False)).status_code == 200
        assert len(store_of(edge)) == 1
        assert len(msgspec.json.decode(transport.requests[1].body)["messages"]) == 3


async def test_what_the_gateway_kept_can_go_on_at_a_provider_that_keeps() -> None:
    """Whole, without the reasoning that another provider sealed; from there on the provider keeps it."""
    old, new = ScriptedTransport([json_reply(thinking())]), ScriptedTransport([json_reply(ANSWER)])
    provider = {"kind": "openai_compatible", "base_url": "http://upstream.test/v1"}
    config = settings(
        providers={"mine": provider, "theirs": provider},
        models={"old": {"targets": [{"provider": "mine", "model": "m"}]}, "new": {"targets": [{"provider": "theirs", "model": "n"}]}},
    )
    providers = {"mine": pool(old, keeps=False), "theirs": pool(new, name="theirs")}
    async with in_process(config=config, providers=providers) as edge:
        first = (await ask(edge, model="old")).json()
        assert [item["type"] for item in first["output"]] == ["reasoning", "message"]
        assert (await ask(edge, model="new", previous_response_id=first["id"])).json() == ANSWER
        sent = msgspec.json.decode(new.requests[0].body)
        assert [item.get("type") for item in sent["input"]] == [None, "message", None]
        assert "previous_response_id" not in sent
        assert [record.at_provider for record in store_of(edge)._records.values()] == [False, True]


def thinking() -> dict[str, Any]:
    """A chat answer with reasoning of a compatible server's."""
    answer = chat("hello")
    answer["choices"][0]["message"]["reasoning_content"] = "hm"
    return answer


async def test_a_conversation_and_an_answer_exclude_each_other() -> None:
    """As at OpenAI."""
    async with in_process(**chat_provider(json_reply(chat("a")))) as edge:
        first = (await ask(edge)).json()["id"]
        body = {"model": "m", "input": "x", "previous_response_id": first, "conversation": "conv_1"}
        answer = await edge.client.post("/v1/responses", json=body)
        assert answer.status_code == 403  # without the scope it does not come so far
        record = next(iter(store_of(edge)._records.values()))
        admin = StaticKeys([], ADMIN_KEY).peek(ADMIN_KEY)
        assert admin is not None
        await store_of(edge).put(msgspec.structs.replace(record, tenant=admin.tenant))
        answer = await edge.client.post("/v1/responses", json=body, headers=ADMIN)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "conversation")


async def test_a_wrong_input_of_a_follow_up_is_named() -> None:
    """400, before any call."""
    async with in_process(**chat_provider(json_reply(chat("a")))) as edge:
        first = (await ask(edge)).json()["id"]
        answer = await ask(edge, previous_response_id=first, input=[5])
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input")


async def test_many_chunks_and_one_id() -> None:
    """A provider that sends no content for long is recorded with its first event that is shown."""
    deltas = [chat_chunk({"content": str(n)}) for n in range(50)]
    reply = stream_reply([chat_chunk({"role": "assistant", "content": ""}), *deltas, chat_chunk({}, "stop"), b"data: [DONE]\n\n"])
    async with in_process(**chat_provider(reply)) as edge:
        told = data_of((await ask(edge, stream=True)).text)
        assert told[-1]["type"] == "response.completed"
        assert len(store_of(edge)) == 1
