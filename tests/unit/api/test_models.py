"""`GET /v1/models`: the names that this key may use."""

from typing import Any

import pytest

from proxy.providers.echo import MODELS
from proxy.storage.issue import new_key, signing_secret
from tests.support.gateway import settings
from tests.support.library import InProcess, in_process, one_provider

TABLE: dict[str, Any] = {
    "fast": {"targets": [{"provider": "mine", "model": "real-1"}]},
    "team/slow": {"targets": [{"provider": "mine", "model": "real-2"}]},
    "any-*": {"targets": [{"provider": "mine"}]},
}


async def names(edge: InProcess, headers: dict[str, str] | None = None) -> list[str]:
    body = (await edge.client.get("/v1/models", headers=headers or {})).json()
    assert body["object"] == "list"
    return [model["id"] for model in body["data"]]


async def key_for(edge: InProcess, *models: str) -> dict[str, str]:
    """Headers with a new key that may use these models only."""
    records = edge.gateway.state.records
    key, record = new_key(await signing_secret(records, None), 0.0, models=models)
    await records.create(record)
    return {"authorization": f"Bearer {key}"}


async def test_the_tables_names_are_listed_in_openais_shape() -> None:
    """Without patterns, which are no models."""
    async with in_process(config=one_provider(models=TABLE)) as edge:
        body = (await edge.client.get("/v1/models")).json()
        assert body == {
            "object": "list",
            "data": [{"id": name, "object": "model", "created": 0, "owned_by": "mine"} for name in ("fast", "team/slow")],
        }


@pytest.mark.parametrize(("allowed", "listed"), [(["fast"], ["fast"]), (["*"], ["fast", "team/slow"]), (["other"], []), ([], [])])
async def test_a_key_with_an_allow_list_sees_only_its_own(allowed: list[str], listed: list[str]) -> None:
    """`*` is everything; a model that is not there is not invented."""
    async with in_process(config=one_provider(models=TABLE)) as edge:
        assert await names(edge, await key_for(edge, *allowed)) == listed


async def test_one_model() -> None:
    """Also with a slash in its name, plain or percent-encoded."""
    async with in_process(config=one_provider(models=TABLE)) as edge:
        for path in ("fast", "team/slow", "team%2Fslow"):
            answer = await edge.client.get(f"/v1/models/{path}")
            assert (answer.status_code, answer.json()["object"]) == (200, "model")


async def test_what_a_key_may_not_use_does_not_exist_for_it() -> None:
    """404, no different from a name that nobody has."""
    async with in_process(config=one_provider(models=TABLE)) as edge:
        limited = await key_for(edge, "fast")
        hidden, unknown = [await edge.client.get(f"/v1/models/{name}", headers=limited) for name in ("team/slow", "nothing")]
        assert (hidden.status_code, hidden.json()["error"]["code"]) == (404, "model_not_found")
        assert hidden.json()["error"]["message"].replace("team/slow", "nothing") == unknown.json()["error"]["message"]


async def test_without_a_table_providers_list_their_own() -> None:
    """Echo's models; an OpenAI-compatible upstream is not asked."""
    async with in_process(config=settings(), providers={}) as edge:
        assert await names(edge) == list(MODELS)
    async with in_process() as edge:
        assert await names(edge) == []


async def test_listing_needs_a_key() -> None:
    """Names tell a stranger something."""
    async with in_process() as edge:
        answer = await edge.client.get("/v1/models", headers={"authorization": "Bearer nope"})
        assert answer.status_code == 401
