"""What a request may want otherwise, and who may."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.gateway import ADMIN_KEY
from tests.support.library import InProcess, in_process, json_reply, one_provider
from tests.support.upstream import chat

MODELS = {
    "two": {
        "targets": [
            {"provider": "mine", "model": "us", "region": "us", "weight": 1},
            {"provider": "mine", "model": "eu", "region": "eu", "tags": ["gdpr"], "priority": 1},
        ]
    },
    "one": {"targets": [{"provider": "mine", "model": "us", "region": "us"}]},
}
ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}


@asynccontextmanager
async def edge(**more: Any) -> AsyncIterator[InProcess]:
    async with in_process(lambda _: json_reply(chat()), config=one_provider(models=MODELS, **more)) as found:
        yield found


async def test_tags_narrow_for_any_key() -> None:
    """Where one target is left, where it was the only one, and where none is."""
    async with edge() as found:
        answer = await found.chat(model="two", headers={"x-llm-edge-tags": "GDPR, region=EU"})
        assert answer.headers["x-llm-edge-model"] == "eu"
        for model in ("two", "one"):
            refused = await found.chat(model=model, headers={"x-llm-edge-tags": "region=ap"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, "no_target_with_tags")
            assert refused.json()["error"]["param"] == "x-llm-edge-tags"
        assert len(found.sent) == 1


async def test_an_answer_from_elsewhere_is_not_shared() -> None:
    """The cache knows the wish: what was answered in the US is no hit for who asks for the EU."""
    async with edge() as found:
        first = await found.chat(model="two", temperature=0)
        assert first.headers["x-llm-edge-model"] == "us"
        answer = await found.chat(model="two", temperature=0, headers={"x-llm-edge-tags": "region=eu"})
        assert (answer.headers["x-llm-edge-cache"], answer.headers["x-llm-edge-model"]) == ("miss", "eu")
        again = await found.chat(model="two", temperature=0, headers={"x-llm-edge-tags": "Region=EU"})
        assert again.headers["x-llm-edge-cache"] == "hit"


@pytest.mark.parametrize("header", ["x-llm-edge-strategy", "x-llm-edge-debug"])
async def test_the_rest_needs_the_scope(header: str) -> None:
    """403 naming the header; an administrator has it, and so have keys that were given it."""
    value = "failover" if header.endswith("strategy") else "route"
    async with edge() as found:
        refused = await found.chat(model="one", headers={header: value})
        assert (refused.status_code, refused.json()["error"]["code"], refused.json()["error"]["param"]) == (403, "scope_required", header)
        assert (await found.chat(model="one", headers={header: value, **ADMIN})).status_code == 200
    async with edge(auth={"static_scopes": ["routing"]}) as found:
        assert (await found.chat(model="two", headers={header: value})).status_code == 200


async def test_a_strategy_by_any_of_its_names() -> None:
    """One that there is not is a 400 with the nearest."""
    async with edge() as found:
        refused = await found.chat(model="two", headers={"x-llm-edge-strategy": "wieghted", **ADMIN})
        error = refused.json()["error"]
        assert (refused.status_code, error["code"], error["param"]) == (400, "unknown_strategy", "x-llm-edge-strategy")
        assert error["message"].endswith("Nearest: weighted.")
        models = [
            (await found.chat(f"{n}", model="two", headers={"x-llm-edge-strategy": "Round-Robin", **ADMIN})).headers["x-llm-edge-model"]
            for n in range(4)
        ]
        assert models == ["us", "eu", "us", "eu"]


@pytest.mark.parametrize(
    ("header", "value", "says"),
    [
        ("x-llm-edge-debug", "everything", "x-llm-edge-debug can be: route"),
        ("x-llm-edge-tags", " , ", "x-llm-edge-tags must name tags"),
        ("x-llm-edge-tags", ",".join(f"t{n}" for n in range(17)), "17 tags, 16 at most"),
    ],
)
async def test_nonsense_is_the_clients(header: str, value: str, says: str) -> None:
    """400 naming the header."""
    async with edge() as found:
        answer = await found.chat(model="two", headers={header: value, **ADMIN})
        assert answer.status_code == 400
        assert says in answer.json()["error"]["message"]
        assert answer.json()["error"]["param"] == header


async def test_before_the_model_is_known_there_is_nothing_to_explain() -> None:
    """As docs/routing.md says."""
    headers = {"x-llm-edge-debug": "route", **ADMIN}
    async with edge() as found:
        unknown = await found.chat(model="nobody's", headers=headers)
        nameless = await found.client.post("/v1/chat/completions", json={"messages": []}, headers=headers)
        broken = await found.client.post("/v1/chat/completions", content=b"{", headers=headers)
        stranger = await found.chat(model="two", headers={**headers, "authorization": "Bearer nobody's-key-0123456789"})
        answers = (unknown, nameless, broken, stranger)
        assert [answer.status_code for answer in answers] == [404, 400, 400, 401]
        assert not any("x-llm-edge-route" in answer.headers for answer in answers)


async def test_the_decision_is_in_the_head_of_every_answer() -> None:
    """Of one that was chosen, one out of the cache, and one that nobody could serve; without the wish of none."""
    headers = {"x-llm-edge-debug": "route", **ADMIN}
    async with edge() as found:
        chosen = json.loads((await found.chat(model="two", temperature=0, headers=headers)).headers["x-llm-edge-route"])
        assert chosen["chosen"] == "mine/us"
        assert (chosen["strategy"], chosen["order"], chosen["candidates"]) == ("model", ["mine/us", "mine/eu"], 2)
        hit = await found.chat(model="two", temperature=0, headers=headers)
        assert (hit.headers["x-llm-edge-cache"], json.loads(hit.headers["x-llm-edge-route"])["chosen"]) == ("hit", None)
        refused = await found.chat(model="two", headers={**headers, "x-llm-edge-tags": "region=ap"})
        shown = json.loads(refused.headers["x-llm-edge-route"])
        assert (refused.status_code, shown["chosen"]) == (400, None)
        assert [one["reason"] for one in shown["rejected"]] == ["no tag region=ap", "no tag region=ap"]
        only = json.loads((await found.chat(model="one", headers=headers)).headers["x-llm-edge-route"])
        assert only["order"] == ["mine/us"]
        assert "x-llm-edge-route" not in (await found.chat(model="two")).headers
