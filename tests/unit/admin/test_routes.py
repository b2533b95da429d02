"""Where names lead, and the weights that may be moved."""

import asyncio
from typing import Any

import pytest

from tests.support.admin import MODELS, TWO, administered, two_providers
from tests.support.gateway import ADMIN_KEY

WEIGHTS = "/routes/canary/weights"


async def test_every_entry_is_listed() -> None:
    """With its targets and what is laid over it."""
    async with administered() as edge:
        await edge.call("POST", "/targets/new/org/m/drain")
        await edge.call("PUT", WEIGHTS, {"weights": {"new/org/m": 20}})
        body = await edge.get("/routes")
        assert body["drift_version"] == 2
        assert [route["name"] for route in body["routes"]] == ["canary", "plain", "only/old"]
        canary = body["routes"][0]
        assert (canary["strategy"], canary["version"]) == ("weighted", 2)
        assert canary["weights_changed"]["weights"] == {"new/org/m": 20.0}
        shown = [(t["id"], t["weight"], t["configured_weight"], t["drained"]) for t in canary["targets"]]
        assert shown == [("old/m", 95.0, 95.0, False), ("new/org/m", 20.0, 5.0, True)]
        assert body["routes"][1]["weights_changed"] is None


@pytest.mark.parametrize("path", ["/routes/only/old", "/routes/only%2Fold"])
async def test_one_entry(path: str) -> None:
    """Its name may hold slashes, encoded or not; how a request would go is told along."""
    async with administered() as edge:
        answer = await edge.call("GET", path)
        body = answer.json()
        assert (body["name"], body["attempts"], answer.headers["etag"]) == ("only/old", 3, '"0"')
        assert body["timeouts"]["total_s"] == 600.0
        assert body["decision"]["chosen"] == "old/m"
        assert (await edge.call("GET", "/routes/nothing")).status_code == 404


async def test_a_name_that_no_entry_lists() -> None:
    """As a client's request would go: to the first provider, with a warning; a pattern's targets have the name asked for."""
    async with administered(two_providers(models={})) as edge:
        body = await edge.get("/routes/whatever")
        assert body["warning"]
        assert body["managed_by"] is None
    pattern = {"gpt-*": {"strategy": "weighted", "targets": [{"provider": "old", "weight": 9}, {"provider": "new"}]}}
    async with administered(two_providers(models=pattern)) as edge:
        assert (await edge.call("PUT", "/routes/gpt-*/weights", {"weights": {"old/*": 1}})).status_code == 200
        body = await edge.get("/routes/gpt-9")
        assert [(t["id"], t["weight"], t["configured_weight"]) for t in body["targets"]] == [
            ("old/gpt-9", 1.0, 9.0),
            ("new/gpt-9", 1.0, 1.0),
        ]


async def test_weights_take_effect_at_once_and_go_back() -> None:
    """Weight 0 and all: no request goes there any more."""
    async with administered() as edge:
        put = await edge.call("PUT", WEIGHTS, {"weights": {"old/m": 0, "new/org/m": 1}})
        assert (put.status_code, put.json()["version"], put.headers["etag"]) == (200, 1, '"1"')
        assert {await edge.provider() for _ in range(20)} == {"new"}
        assert {await edge.provider("plain") for _ in range(5)} == {"old"}
        await edge.call("PUT", WEIGHTS, {"weights": {"new/org/m": 0}})
        assert {await edge.provider() for _ in range(20)} == {"old"}
        ways: list[tuple[str, Any]] = [("PUT", {"weights": {}}), ("PUT", {"weights": {"new/org/m": 5}}), ("DELETE", None)]
        for method, body in ways:
            await edge.call("PUT", WEIGHTS, {"weights": {"new/org/m": 7}})
            answer = await edge.call(method, WEIGHTS, body)
            assert (answer.status_code, answer.json()["version"], answer.json()["weights_changed"]) == (200, 0, None)
            assert [t["weight"] for t in answer.json()["targets"]] == [95.0, 5.0]


async def test_a_lost_update_is_refused() -> None:
    """Of two administrators that read the same version the second is told; other entries do not get in the way."""
    async with administered() as edge:
        first = await edge.call("PUT", WEIGHTS, {"weights": {"new/org/m": 10}}, if_match='"0"')
        assert first.status_code == 200
        await edge.call("POST", "/targets/old/m/drain")
        late = await edge.call("PUT", WEIGHTS, {"weights": {"new/org/m": 50}, "version": 0})
        assert (late.status_code, late.json()["details"]) == (412, {"code": "version_conflict", "version": 1})
        assert (await edge.call("DELETE", WEIGHTS, if_match='"2"')).status_code == 412
        again = await edge.call("PUT", WEIGHTS, {"weights": {"new/org/m": 50}, "version": 1})
        assert again.json()["version"] == 3
        assert (await edge.call("PUT", WEIGHTS, {"weights": {"new/org/m": 50}})).json()["version"] == 3
        assert (await edge.call("DELETE", WEIGHTS, if_match='"3"')).status_code == 200


async def test_of_many_at_once_none_is_lost() -> None:
    """Each entry has its own change in the end."""
    models = {f"m{n}": MODELS["canary"] for n in range(8)}
    async with administered(two_providers(models=models)) as edge:
        calls = [edge.call("PUT", f"/routes/m{n}/weights", {"weights": {"old/m": n + 1}}) for n in range(8)]
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
        body = await edge.get("/routes")
        assert [route["targets"][0]["weight"] for route in body["routes"]] == [float(n + 1) for n in range(8)]
        assert body["drift_version"] == 8


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({}, "weights", "mapping"),
        ({"weights": [1]}, "weights", "mapping"),
        ({"weights": {"old/n": 1}}, "weights.old/n", 'did you mean "old/m"?'),
        ({"weights": {"?": 1}}, "weights.?", "it has old/m, new/org/m"),
        ({"weights": {"old/m": "1"}}, "weights.old/m", "number"),
        ({"weights": {"old/m": True}}, "weights.old/m", "number"),
        ({"weights": {"old/m": -1}}, "weights.old/m", "0 or more"),
        ({"weights": {"old/m": 0, "new/org/m": 0}}, "weights", "add up to 0"),
        ({"weights": {}, "wieghts": {}}, "wieghts", 'did you mean "weights"?'),
        ({"weights": {}, "version": "x"}, "version", "whole number"),
    ],
)
async def test_wrong_weights_are_refused_by_name(body: dict[str, Any], param: str, said: str) -> None:
    """And change nothing."""
    async with administered() as edge:
        answer = await edge.call("PUT", WEIGHTS, body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["details"]["param"] == param
        assert said in answer.json()["message"]
        assert (await edge.get("/routes"))["drift_version"] == 0


async def test_what_the_file_says_is_not_changed_here() -> None:
    """Strategy, targets, entries; and weights where the strategy knows none."""
    async with administered() as edge:
        for method, path, body, setting in (
            ("PUT", WEIGHTS, {"strategy": "cost"}, "models.canary.strategy"),
            ("PUT", "/routes/plain/weights", {"weights": {}}, "models.plain.strategy"),
            ("DELETE", "/routes/plain/weights", None, "models.plain.strategy"),
            ("PUT", "/routes/plain", {}, "models.plain"),
            ("PATCH", "/routes/only%2Fold", {}, "models.only/old"),
            ("DELETE", "/routes/canary", None, "models.canary"),
        ):
            answer = await edge.call(method, path, body)
            assert (answer.status_code, answer.json()["details"]["code"]) == (409, "managed_by_file")
            assert answer.json()["details"]["path"] == setting


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/routes/cannary/weights"), ("DELETE", "/routes/cannary/weights"), ("DELETE", "/routes/cannary")]
)
async def test_an_unknown_entry_is_404(method: str, path: str) -> None:
    """With the nearest one."""
    async with administered() as edge:
        answer = await edge.call(method, path, {"weights": {}} if method == "PUT" else None)
        assert (answer.status_code, answer.json()["details"]["code"]) == (404, "model_not_found")
        assert 'did you mean "canary"?' in answer.json()["message"]


async def test_weights_survive_a_reload_and_are_ignored_where_they_have_no_place() -> None:
    """They are shown as stale, can be taken away, and count again when their target comes back."""
    async with administered() as edge:
        await edge.call("PUT", WEIGHTS, {"weights": {"old/m": 0}})
        only_old = {"canary": {"strategy": "weighted", "targets": [{"provider": "old", "model": "m", "weight": 2}]}}
        await edge.gateway.reload(two_providers(models=only_old))
        body = await edge.get("/routes/canary")
        assert [t["weight"] for t in body["targets"]] == [2.0]
        assert await edge.provider() == "old"
        await edge.gateway.reload(two_providers(models={"other": MODELS["canary"]}))
        assert (await edge.client.get("/health")).json()["drift"]["stale"] == ["canary: old/m"]
        assert edge.gateway.stale_overlays(edge.gateway.settings) == ["overlay without effect: canary: old/m is not in the configuration"]
        await edge.gateway.reload(two_providers())
        assert await edge.provider() == "new"
        await edge.gateway.reload(two_providers(models={"other": MODELS["canary"]}))
        assert (await edge.call("DELETE", WEIGHTS)).status_code == 200
        assert (await edge.client.get("/health")).json()["drift"] == {"version": 2, "weights": [], "drained": [], "stale": []}


async def test_who_and_when_is_kept() -> None:
    """The id of the key, never the key."""
    async with administered(two_providers(providers=TWO)) as edge:
        answer = await edge.call("PUT", WEIGHTS, {"weights": {"old/m": 3}})
        changed = answer.json()["weights_changed"]
        assert changed["by"].startswith("key_")
        assert changed["at"].endswith("Z")
        assert ADMIN_KEY not in answer.text
