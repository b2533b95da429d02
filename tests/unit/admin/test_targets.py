"""Targets that get no new requests."""

import asyncio

import pytest

from proxy.admin.targets import MAX_DRAINED
from tests.support.admin import administered, two_providers
from tests.support.gateway import chat_body

DRAIN = "/targets/old/m/drain"


async def test_a_drained_target_gets_no_new_requests() -> None:
    """In no entry; an entry without another target says so at once, and recovers."""
    async with administered() as edge:
        assert (await edge.provider("plain"), await edge.provider("only/old")) == ("old", "old")
        answer = await edge.call("POST", DRAIN)
        assert (answer.status_code, answer.json()["drained"], answer.headers["etag"]) == (200, True, '"1"')
        assert {await edge.provider("plain") for _ in range(5)} == {"new"}
        assert {await edge.provider("canary") for _ in range(20)} == {"new"}
        refused = await edge.client.post("/v1/chat/completions", json=chat_body(model="only/old"))
        assert refused.status_code == 503, refused.text
        back = await edge.call("DELETE", DRAIN)
        assert (back.json()["drained"], back.json()["version"], back.json()["drift_version"]) == (False, 0, 2)
        assert await edge.provider("only/old") == "old"


async def test_a_stream_goes_on_while_its_target_is_drained() -> None:
    """To its end."""
    text = "echo:chunk_ms=20 " + "word " * 30
    async with administered() as edge:
        seen = ""
        async with edge.client.stream("POST", "/v1/chat/completions", json=chat_body(text, model="plain", stream=True)) as answer:
            async for piece in answer.aiter_text():
                if not seen:
                    await edge.call("POST", DRAIN)
                    assert await edge.provider("plain") == "new"
                seen += piece
        assert answer.headers["x-llm-edge-provider"] == "old"
        assert seen.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("path", ["/targets/new/org/m/drain", "/targets/new/org%2Fm/drain"])
async def test_a_model_may_hold_slashes(path: str) -> None:
    """Encoded or not."""
    async with administered() as edge:
        assert (await edge.call("POST", path)).json()["target"] == "new/org/m"


async def test_again_changes_nothing() -> None:
    """Who did it first stands; taking back what is not there is no mistake either."""
    async with administered() as edge:
        first = (await edge.call("POST", DRAIN)).json()
        assert (await edge.call("POST", DRAIN)).json() == first
        await edge.call("DELETE", DRAIN)
        assert (await edge.call("DELETE", DRAIN)).json()["drift_version"] == 2


async def test_a_lost_update_is_refused() -> None:
    """Where the client says which version it knows."""
    async with administered() as edge:
        await edge.call("POST", DRAIN, if_match='"0"')
        assert (await edge.call("POST", DRAIN, if_match='"0"')).status_code == 412
        assert (await edge.call("DELETE", DRAIN, if_match='"5"')).status_code == 412
        assert (await edge.call("DELETE", DRAIN, if_match='"1"')).status_code == 200


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_an_unknown_target_is_404(method: str) -> None:
    """With the nearest one."""
    async with administered() as edge:
        answer = await edge.call(method, "/targets/old/n/drain")
        assert (answer.status_code, answer.json()["details"]["code"]) == (404, "target_not_found")
        assert 'did you mean "old/m"?' in answer.json()["message"]


async def test_a_drained_target_that_is_gone_is_kept_and_can_be_taken_back() -> None:
    """It is shown as stale meanwhile, and drained again when it comes back."""
    async with administered() as edge:
        await edge.call("POST", DRAIN)
        without = two_providers(models={"plain": {"targets": [{"provider": "new", "model": "org/m"}]}})
        await edge.gateway.reload(without)
        assert (await edge.client.get("/health")).json()["drift"] == {"version": 1, "weights": [], "drained": ["old/m"], "stale": ["old/m"]}
        await edge.gateway.reload(two_providers())
        assert await edge.provider("plain") == "new"
        await edge.gateway.reload(without)
        assert (await edge.call("DELETE", DRAIN)).status_code == 200
        assert (await edge.call("DELETE", DRAIN)).status_code == 404


async def test_there_is_an_end_of_drained_targets() -> None:
    """Where names are served as asked, anybody could name more."""
    async with administered(two_providers(models={})) as edge:
        for start in range(0, MAX_DRAINED, 50):
            answers = await asyncio.gather(*(edge.call("POST", f"/targets/old/m{n}/drain") for n in range(start, start + 50)))
            assert {answer.status_code for answer in answers} == {200}
        answer = await edge.call("POST", "/targets/old/more/drain")
        assert (answer.status_code, answer.json()["details"]["code"]) == (409, "conflict")
