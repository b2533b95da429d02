"""Contract D: permission is judged for each attempt's real target, by the entry through which it is reached. Budgets come with part 4;
that `top_up` is asked for each target is in tests/unit/pipeline/test_tries.py.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.gateway import Running, running, settings
from tests.support.listed_keys import key_for
from tests.support.upstream import Call, Upstream, chat, chat_stream, failing, stream_answer


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:

        async def handle(call: Call) -> None:
            name = call.json["model"]
            if name.startswith("long"):
                await failing(400, "too long", code="context_length_exceeded")(call)
            elif name.startswith("down"):
                await failing(500, f"{name} is down")(call)
            else:
                await call.answer(200, chat(name, model=name))

        up.on(handle)
        yield up


def config(url: str, **models: dict[str, Any]) -> dict[str, Any]:
    provider = {"kind": "openai", "base_url": f"{url}/v1", "api_keys": ["sk-x-1234567890"]}
    return {
        "providers": {"p": provider},
        "routing": {"retries": {"attempts": 3, "backoff_base_s": 0.001}, "breaker": {"enabled": False}},
        "models": {name: {"targets": [{"provider": "p", "model": name}], **more} for name, more in models.items()},
    }


async def joined(edge: Running, n: int) -> None:
    """Until `n` followers have joined a call."""
    await eventually(
        lambda: sum(s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == "llm_edge_single_flight_joins_total") >= n
    )


def asked_for(upstream: Upstream) -> list[str]:
    return [call.json["model"] for call in upstream.calls]


@pytest.mark.parametrize(
    ("listed", "served"),
    [
        (("down",), None),
        (("down", "b"), "b"),
        (("down", "c"), "c"),
        (("down", "p/c"), "c"),
        (("down", "p/b"), "b"),
        (("down", "*"), "b"),
        (("p/down", "p/b"), "b"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_fallback_needs_its_own_permission(upstream: Upstream, listed: tuple[str, ...], served: str | None, stream: bool) -> None:
    """What the key may not use is passed over; with nothing else left the client gets the failure of what it may."""
    async with running(settings(**config(upstream.url, down={"fallbacks": ["b", "c"]}, b={}, c={}))) as edge:
        answer = await edge.chat(model="down", headers=await key_for(edge, *listed))
    if served is None:
        assert (answer.status_code, answer.json()["error"]["message"]) == (500, "down is down")
        assert asked_for(upstream) == ["down"] * 3
    else:
        assert (answer.status_code, answer.headers["x-llm-edge-model"]) == (200, served)
        assert asked_for(upstream) == ["down", served]


@pytest.mark.parametrize(("listed", "status"), [(("long",), 400), (("long", "b"), 200)])
async def test_nor_is_a_longer_model_reached_by_a_long_prompt(upstream: Upstream, listed: tuple[str, ...], status: int) -> None:
    """A client can provoke that failure at will."""
    async with running(settings(**config(upstream.url, long={"context_window_fallbacks": ["b"]}, b={}))) as edge:
        assert (await edge.chat(model="long", headers=await key_for(edge, *listed))).status_code == status
    assert asked_for(upstream) == ["long", "b"][: len(listed)]


async def test_a_fallback_of_a_fallback_is_judged_by_its_own_name(upstream: Upstream) -> None:
    """Not by that of the entry between, which is passed over."""
    lists: dict[str, Any] = {"down": {"fallbacks": ["b"]}, "b": {"fallbacks": ["c"]}, "c": {}}
    async with running(settings(**config(upstream.url, **lists))) as edge:
        answer = await edge.chat(model="down", headers=await key_for(edge, "down", "c"))
    assert answer.headers["x-llm-edge-model"] == "c"
    assert asked_for(upstream) == ["down", "c"]


async def test_a_key_of_the_fallback_alone_may_not_ask_for_the_first(upstream: Upstream) -> None:
    """The asked name is judged as ever."""
    async with running(settings(**config(upstream.url, down={"fallbacks": ["b"]}, b={}))) as edge:
        answer = await edge.chat(model="down", headers=await key_for(edge, "b"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_permitted")
    assert upstream.calls == []


@pytest.mark.parametrize("listed", [("down",), ("down", "b"), ("down", "p/b")])
async def test_a_fallbacks_answer_in_the_cache_needs_it_too(upstream: Upstream, listed: tuple[str, ...]) -> None:
    """Contract J: kept under the asked name, it is given to those who might have got it."""
    sections = {**config(upstream.url, down={"fallbacks": ["b"]}, b={}), "cache": {"scope": "global"}}
    async with running(settings(**sections)) as edge:
        assert (await edge.chat(model="down")).headers["x-llm-edge-model"] == "b"
        answer = await edge.chat(model="down", headers=await key_for(edge, *listed))
    if len(listed) == 1:
        assert (answer.status_code, answer.headers["x-llm-edge-cache"]) == (500, "miss")
    else:
        assert (answer.status_code, answer.headers["x-llm-edge-cache"], answer.headers["x-llm-edge-model"]) == (200, "hit", "b")


@pytest.mark.parametrize("stream", [False, True])
async def test_nor_is_a_joined_call_a_way_round_it(upstream: Upstream, stream: bool) -> None:
    """It falls back after it was joined: whoever may not use that target makes a call of its own."""
    go = asyncio.Event()

    async def handle(call: Call) -> None:
        if call.json["model"] == "down":
            await go.wait()
            await failing(401, "down")(call)
        elif stream:
            await stream_answer(chat_stream("from b"))(call)
        else:
            await call.answer(200, chat("from b", model="b"))

    upstream.on(handle)
    sections = {**config(upstream.url, down={"fallbacks": ["b"]}, b={}), "cache": {"scope": "global"}}
    async with running(settings(**sections)) as edge:
        narrow, wide = await key_for(edge, "down"), await key_for(edge, "down", "b")
        leader = asyncio.ensure_future(edge.chat(model="down", stream=stream))
        await upstream.received(1)
        followers = [asyncio.ensure_future(edge.chat(model="down", stream=stream, headers=key)) for key in (narrow, wide)]
        await joined(edge, 2)
        go.set()
        answers = [await leader, *[await one for one in followers]]
    assert [answer.status_code for answer in answers] == [200, 401, 200]
    assert ["from b" in answer.text for answer in answers] == [True, False, True]
    assert sorted(asked_for(upstream)) == ["b", "down", "down"]


@pytest.mark.parametrize(
    ("listed", "status", "calls"), [(("down",), 403, []), (("down", "b"), 200, ["down", "b"]), (("down", "p/b"), 200, ["down", "b"])]
)
async def test_a_fallback_named_by_the_client_needs_it_at_once(
    upstream: Upstream, listed: tuple[str, ...], status: int, calls: list[str]
) -> None:
    """The refusal names the header; nothing is sent."""
    async with running(settings(**config(upstream.url, down={}, b={}))) as edge:
        headers = {**await key_for(edge, *listed, scopes=("routing",)), "x-llm-edge-fallbacks": "b"}
        answer = await edge.chat(model="down", headers=headers)
    assert (answer.status_code, asked_for(upstream)) == (status, calls)
    if status == 403:
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == ("model_not_permitted", "x-llm-edge-fallbacks")
