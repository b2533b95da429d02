"""Counting a prompt's tokens: who counts, and what is estimated."""

import msgspec
import pytest

from proxy.pipeline.count import counter_of
from proxy.providers.anthropic import Anthropic
from proxy.providers.key_pool import KeyPool
from proxy.providers.openai_compatible import OpenAI, OpenAICompatible
from proxy.transport.scripted import Reply, ScriptedTransport
from tests.support.library import in_process, json_reply, one_provider, provider

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello there"}]}
PATH = "/v1/messages/count_tokens"


def test_who_counts() -> None:
    """Anthropic; OpenAI where it speaks the Responses API; not who is merely compatible."""
    keys, transport = KeyPool([]), ScriptedTransport([])
    claude = Anthropic("a", base_url="http://a", keys=keys, transport=transport)
    assert counter_of(claude) == (claude, "anthropic_messages")
    openai = OpenAI("o", base_url="http://o/v1", keys=keys, transport=transport)
    assert counter_of(openai) == (openai, "openai_responses")
    assert counter_of(OpenAI("o", base_url="http://o", keys=keys, transport=transport, dialects=("openai_chat",))) is None
    assert counter_of(provider(transport)) is None


async def test_an_own_provider_need_not_count() -> None:
    """One without the endpoint is estimated, and not called."""
    async with in_process() as edge:
        answer = await edge.client.post(PATH, json=BODY)
        assert (answer.json(), answer.headers["x-llm-edge-estimated"]) == ({"input_tokens": 10}, "true")
        assert answer.headers["x-llm-edge-provider"] == "mine"
        assert edge.sent == []


@pytest.mark.parametrize("number", [2**70, -(2**70)])
async def test_numbers_that_no_provider_could_be_sent(number: int) -> None:
    """Are refused here, too."""
    async with in_process() as edge:
        body = msgspec.json.encode({**BODY, "metadata": {"x": 1}}).replace(b'"x":1', b'"x":%d' % number)
        answer = await edge.client.post(PATH, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert "metadata.x" in answer.text


async def test_a_key_pools_member_is_chosen_as_always() -> None:
    """A refused one gives way within the request."""
    transport = ScriptedTransport([json_reply({"error": {"message": "no"}}, 429), json_reply({"input_tokens": 3})])
    claude = Anthropic("mine", base_url="http://a.test", keys=KeyPool(["k1", "k2"]), transport=transport)
    async with in_process(providers={"mine": claude}) as edge:
        assert (await edge.client.post(PATH, json=BODY)).json() == {"input_tokens": 3}
    first, second = (dict(sent.headers)[b"x-api-key"] for sent in transport.requests)
    assert first != second


async def test_a_broken_connection_is_502() -> None:
    """As for an answer; nothing is estimated for a provider that counts."""
    claude = Anthropic("mine", base_url="http://a.test", keys=KeyPool(["k"]), transport=ScriptedTransport([Reply(fail="connect")]))
    config = one_provider(routing={"retries": {"attempts": 1}})
    async with in_process(providers={"mine": claude}, config=config) as edge:
        assert (await edge.client.post(PATH, json=BODY)).status_code == 502


async def test_a_counting_endpoint_that_is_not_there_says_nothing_of_the_model() -> None:
    """The target is as well as before, and as fast: chats go on going there first."""
    claude = Anthropic("mine", base_url="http://a.test", keys=KeyPool(["k"]), transport=ScriptedTransport([json_reply({}, 404)]))
    async with in_process(providers={"mine": claude}) as edge:
        assert (await edge.client.post(PATH, json=BODY)).status_code == 404
        stats = edge.gateway.state.pipeline.health.stats("mine/m")
        assert (stats.blocked, stats.in_flight, stats.whole.value) == (False, 0, None)


def test_a_compatible_provider_has_no_url_for_it() -> None:
    """Asking is a mistake of ours."""
    with pytest.raises(TypeError, match="counts no tokens"):
        OpenAICompatible("o", base_url="http://o", keys=KeyPool([]), transport=ScriptedTransport([])).count_url("m", b"")
