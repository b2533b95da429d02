"""Where a request of the Responses API may go."""

from typing import Any

import msgspec
import pytest

from proxy.pipeline.placing import place
from proxy.transport.scripted import Reply, ScriptedTransport
from tests.support.gateway import settings
from tests.support.library import InProcess, in_process, json_reply
from tests.support.responses_upstream import response
from tests.support.upstream import chat
from tests.unit.pipeline.keeping_fixture import ACCOUNTS, ADMIN, account_of, pool, store_of

PROVIDER = {"kind": "openai_compatible", "base_url": "http://upstream.test/v1"}
MODELS = {
    "both": {"targets": [{"provider": "chat", "model": "c"}, {"provider": "keeps", "model": "k"}], "retries": {"attempts": 3}},
    "two": {"targets": [{"provider": "keeps", "model": "k1"}, {"provider": "keeps", "model": "k2"}]},
    "chat": {"targets": [{"provider": "chat", "model": "c"}]},
}


class Both:
    """One provider that knows only chat, one that keeps responses, with a pool of two accounts."""

    def __init__(self, *replies: Reply) -> None:
        self.chat = ScriptedTransport(lambda _: json_reply(chat()))
        self.keeps = ScriptedTransport(list(replies) or (lambda _: json_reply(response("resp_1", "hello"))))
        self.provider = pool(self.keeps, name="keeps")
        self.config = settings(providers={"chat": PROVIDER, "keeps": PROVIDER}, models=MODELS)
        self.providers = {"chat": pool(self.chat, keeps=False, name="chat"), "keeps": self.provider}


async def ask(edge: InProcess, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return await edge.client.post("/v1/responses", json={"model": "both", "input": "hi", **body}, headers=headers or {})


@pytest.mark.parametrize(("name", "value"), [("background", True), ("conversation", "conv_1"), ("prompt", {"id": "pmpt_1"})])
async def test_what_lives_at_a_provider_goes_to_one_that_has_such_things(name: str, value: Any) -> None:
    """Past targets that would drop it; 501 where there is no other."""
    both = Both()
    async with in_process(config=both.config, providers=both.providers) as edge:
        assert (await ask(edge, ADMIN, **{name: value})).json()["id"] == "resp_1"
        assert (len(both.chat.requests), len(both.keeps.requests)) == (0, 1)
        refused = await ask(edge, ADMIN, model="chat", **{name: value})
        assert (refused.status_code, refused.json()["error"]["param"]) == (501, name)
        assert (await ask(edge, ADMIN, model="chat", **{name: None})).status_code == 200


async def made(edge: InProcess, both: Both, model: str = "both") -> str:
    """The account of an answer that the provider keeps."""
    assert (await ask(edge, model=model, background=True)).json()["id"] == "resp_1"
    return account_of(both.keeps.requests[-1])


async def test_a_follow_up_goes_to_the_account_that_made_the_answer() -> None:
    """Though the pool would choose another by now: that one rests, and still no other may take over."""
    both = Both()
    async with in_process(config=both.config, providers=both.providers) as edge:
        account = await made(edge, both)
        edge.gateway.state.pipeline.health.rest_key("keeps", fingerprint(both, account), 1e12, 0.0)
        assert (await ask(edge, background=True)).status_code == 200
        assert account_of(both.keeps.requests[-1]) != account
        await store_of(edge).put(msgspec.structs.replace(next(iter(store_of(edge)._records.values())), account=fingerprint(both, account)))
        assert (await ask(edge, previous_response_id="resp_1")).status_code == 200
        assert account_of(both.keeps.requests[-1]) == account
        sent = msgspec.json.decode(both.keeps.requests[-1].body)
        assert (sent["previous_response_id"], sent["model"], sent["input"]) == ("resp_1", "k", "hi")
        assert both.chat.requests == []


def fingerprint(both: Both, account: str) -> str:
    return both.provider.keys.members[ACCOUNTS.index(account)].fingerprint


async def test_a_follow_up_waits_for_its_accounts_key_where_keys_are_bounded() -> None:
    """Another key of the pool has room, and does not have the answer."""
    both = Both()
    config = settings(providers={"chat": PROVIDER, "keeps": {**PROVIDER, "key_limits": {"concurrency": 1}}}, models=MODELS)
    async with in_process(config=config, providers=both.providers) as edge:
        account = await made(edge, both)
        keys = edge.gateway.state.pipeline.routes.resolve("both").targets[1].gate
        assert keys is not None
        place = keys.enter(0.0, lambda _: [fingerprint(both, account)])
        assert place is not None
        assert (await ask(edge, previous_response_id="resp_1")).json()["error"]["code"] == "targets_busy"
        assert len(both.keeps.requests) == 1
        place.leave()
        assert (await ask(edge, previous_response_id="resp_1")).status_code == 200


async def test_an_account_that_refuses_is_not_replaced() -> None:
    """Its error is the answer, after one try."""
    both = Both(json_reply(response("resp_1", "hello")), json_reply({"error": {"message": "slow down"}}, 401))
    async with in_process(config=both.config, providers=both.providers) as edge:
        account = await made(edge, both)
        assert (await ask(edge, previous_response_id="resp_1")).status_code == 401
        assert [account_of(request) for request in both.keeps.requests] == [account, account]


async def test_a_pool_in_another_order_is_the_same_pool() -> None:
    """An account is known by its credential, not by its place."""
    both = Both()
    async with in_process(config=both.config, providers=both.providers) as edge:
        account = await made(edge, both)
        turned = pool(both.keeps, name="keeps", accounts=ACCOUNTS[::-1])
        pipe = msgspec.structs.replace(edge.gateway.state.pipeline, providers={**both.providers, "keeps": turned})
        record = next(iter(store_of(edge)._records.values()))
        route = place(pipe, {}, pipe.routes.resolve("both"), record)
        assert [target.id for target in route.targets] == ["keeps/k"]
        member = turned.keys.of_account(record.account)
        assert member is not None
        assert member.secret == account


async def test_the_same_target_of_several_at_its_provider() -> None:
    """The one that made it; by another model's name any that the provider serves under it."""
    both = Both()
    async with in_process(config=both.config, providers=both.providers) as edge:
        await made(edge, both, "two")
        pipe, record = edge.gateway.state.pipeline, next(iter(store_of(edge)._records.values()))
        for made_by, left in (("k1", ["keeps/k1"]), ("k2", ["keeps/k2"]), ("gone", ["keeps/k1", "keeps/k2"])):
            route = place(pipe, {}, pipe.routes.resolve("two"), msgspec.structs.replace(record, model=made_by))
            assert [target.id for target in route.targets] == left


async def test_a_model_that_its_provider_does_not_serve_is_the_clients_mistake() -> None:
    """400 naming the model; no call."""
    both = Both()
    async with in_process(config=both.config, providers=both.providers) as edge:
        await made(edge, both)
        answer = await ask(edge, model="chat", previous_response_id="resp_1")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")
        assert both.chat.requests == []


@pytest.mark.parametrize("change", [{"provider": "left"}, {"account": "0123456789abcdef"}, {"provider": "chat"}])
async def test_what_is_gone_is_said(change: dict[str, str]) -> None:
    """A provider that left or keeps nothing, a credential that changed: 410, and no call."""
    both = Both()
    async with in_process(config=both.config, providers=both.providers) as edge:
        await made(edge, both)
        await store_of(edge).put(msgspec.structs.replace(next(iter(store_of(edge)._records.values())), **change))
        for answer in (await ask(edge, previous_response_id="resp_1"), await edge.client.get("/v1/responses/resp_1")):
            assert (answer.status_code, answer.json()["error"]["code"]) == (410, "response_gone")
        assert len(both.keeps.requests) == 1
