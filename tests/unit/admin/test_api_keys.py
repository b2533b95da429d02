"""`/v1/admin/api-keys` on a real socket: agenthub's shapes and words, and what they lack."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from proxy.admin.events import KeptEvents
from tests.support.admin import ADMIN_KEY, KEY, Administered, administered, two_providers
from tests.support.gateway import chat_body

NAIVE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?")
KEYS = "/api-keys"


class Desk:
    """An administrator of the whole gateway, and what it did."""

    def __init__(self, edge: Administered, events: KeptEvents) -> None:
        self.edge = edge
        self.events = events

    async def __call__(self, method: str, path: str = "", body: Any = None, status: int = 200, **headers: Any) -> Any:
        answer = await self.ask(method, path, body, **headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def ask(self, method: str, path: str = "", body: Any = None, **headers: Any) -> httpx2.Response:
        return await self.edge.call(method, KEYS + path, body, **headers)

    async def made(self, **body: Any) -> tuple[str, str]:
        answer = await self("POST", "", {"role": "client", **body})
        return answer["key_id"], answer["api_key"]

    async def chat(self, key: str) -> int:
        answer = await self.edge.client.post(
            "/v1/chat/completions", json=chat_body(model="plain"), headers={"authorization": f"Bearer {key}"}
        )
        return answer.status_code


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    events = KeptEvents()
    roles = {"auditor": {"scopes": ["admin_read"]}}
    async with administered(two_providers(auth={"roles": roles}), admin_events=events) as edge:
        yield Desk(edge, events)


async def test_create_is_agenthub_s(desk: Desk) -> None:
    """`{role, name?}` → four fields, status 200, a naive UTC time; the key works at once."""
    made = await desk("POST", "", {"role": "developer", "name": "ci"})
    assert set(made) == {"key_id", "api_key", "role", "created_at"}
    assert made["role"] == "developer"
    assert made["api_key"].startswith(made["key_id"] + ".")
    assert NAIVE.fullmatch(made["created_at"])
    assert await desk.chat(made["api_key"]) == 200


async def test_list_is_agenthub_s(desk: Desk) -> None:
    """Seven fields, "" for what is unset; filtered by status."""
    gone, _ = await desk.made(name="gone")
    kept, _ = await desk.made()
    await desk("POST", f"/{gone}/revoke")
    found = {item["key_id"]: item for item in await desk("GET")}
    assert set(found) == {gone, kept}
    assert found[kept] == {
        "key_id": kept, "role": "client", "status": "active", "name": "", "created_at": found[kept]["created_at"], "last_used": "",
        "revoked_at": "",
    }  # fmt: skip
    assert NAIVE.fullmatch(found[gone]["revoked_at"])
    assert [item["key_id"] for item in await desk("GET", "?status_filter=active")] == [kept]
    assert [item["key_id"] for item in await desk("GET", "?status_filter=revoked")] == [gone]
    assert "did you mean" in (await desk("GET", "?status_filter=activ", status=422))["message"]


async def test_get_has_everything_but_the_hash(desk: Desk) -> None:
    """Ours beside agenthub's."""
    key_id, key = await desk.made(tenant_id="acme", limits={"rpm": 5}, monthly_budget_usd=1.25, user="ann")
    shown = await desk("GET", f"/{key_id}")
    assert (shown["tenant_id"], shown["limits"], shown["monthly_budget_usd"], shown["user"]) == ("acme", {"rpm": 5}, 1.25, "ann")
    assert not [name for name in shown if "hash" in name]
    assert key not in str(shown)


async def test_revoke_is_agenthub_s(desk: Desk) -> None:
    """The next call is refused; again: the same answer."""
    key_id, key = await desk.made()
    assert await desk.chat(key) == 200
    for _ in range(2):
        assert await desk("POST", f"/{key_id}/revoke") == {"message": f"API key {key_id} revoked successfully"}
        assert await desk.chat(key) == 401
    assert [event.action for event in desk.events.events] == ["api_key.created", "api_key.revoked"]


async def test_rotate_is_agenthub_s(desk: Desk) -> None:
    """The shape of create, the same role and name, the old key revoked at once."""
    key_id, key = await desk.made(name="n", models=["plain"], tenant_id="acme")
    new = await desk("POST", f"/{key_id}/rotate")
    assert set(new) == {"key_id", "api_key", "role", "created_at"}
    assert (await desk.chat(key), await desk.chat(new["api_key"])) == (401, 200)
    shown = await desk("GET", f"/{new['key_id']}")
    assert (shown["name"], shown["models"], shown["tenant_id"], shown["version"]) == ("n", ["plain"], "acme", 1)
    assert (await desk("GET", f"/{key_id}"))["replaced_by"] == new["key_id"]


@pytest.mark.parametrize(("query", "body"), [("?overlap_seconds=60", None), ("", {"overlap_seconds": 60})])
async def test_rotate_with_an_overlap(desk: Desk, query: str, body: Any) -> None:
    """Both keys work; the old one can't be rotated again."""
    key_id, key = await desk.made()
    new = await desk("POST", f"/{key_id}/rotate{query}", body)
    assert (await desk.chat(key), await desk.chat(new["api_key"])) == (200, 200)
    assert "rotate that one" in (await desk("POST", f"/{key_id}/rotate", status=409))["message"]


@pytest.mark.parametrize("overlap", [-1, 1e9, "soon", True])
async def test_an_absurd_overlap_ends_nothing(desk: Desk, overlap: Any) -> None:
    """422, and the key goes on."""
    key_id, key = await desk.made()
    refused = await desk("POST", f"/{key_id}/rotate", {"overlap_seconds": overlap}, status=422)
    assert refused["details"]["param"] == "overlap_seconds"
    await desk("POST", f"/{key_id}/rotate?overlap_seconds={overlap}", status=422)
    await desk("POST", f"/{key_id}/rotate", {"overlap_second": 5}, status=422)
    assert await desk.chat(key) == 200
    assert len(await desk("GET")) == 1


@pytest.mark.parametrize(("method", "action"), [("GET", ""), ("PATCH", ""), ("POST", "/revoke"), ("POST", "/rotate"), ("POST", "/disable")])
async def test_unknown_keys_are_404(desk: Desk, method: str, action: str) -> None:
    """In agenthub's words."""
    refused = await desk(method, f"/nobody{action}", {} if method == "PATCH" else None, status=404)
    assert (refused["code"], refused["message"]) == ("HTTP_404", "API key nobody not found")


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({}, "role", "is required"),
        ({"role": "clinet"}, "role", 'did you mean "client"'),
        ({"role": 5}, "role", "expected `str`"),
        ({"role": "client", "modles": []}, "modles", 'did you mean "models"'),
        ({"role": "client", "models": []}, "models", "would permit nothing"),
        ({"role": "client", "limits": {"rpn": 1}}, "limits.rpn", 'did you mean "rpm"'),
        ({"role": "client", "limits": {"rpm": 0}}, "limits.rpm", ">= 1"),
        ({"role": "client", "limits": {"rpm": -1}}, "limits.rpm", ">= 1"),
        ({"role": "client", "limits": {"rpm": 10**12}}, "limits.rpm", "<="),
        ({"role": "client", "limits": {"rpm": 1.5}}, "limits.rpm", "expected `int"),
        ({"role": "client", "limits": {"qps": 5, "burst": 2}}, "limits.burst", "below qps"),
        ({"role": "client", "monthly_budget_usd": -0.01}, "monthly_budget_usd", ">= 0"),
        ({"role": "client", "scopes": ["rooting"]}, "scopes.0", 'did you mean "routing"'),
        ({"role": "client", "allowed_ips": ["10.0.0.0/33"]}, "allowed_ips.0", "no address or network"),
        ({"role": "client", "expires_at": "2001-01-01"}, "expires_at", "future"),
        ({"role": "client", "expires_at": "soon"}, "expires_at", "must be a time"),
        ({"role": "client", "tenant_id": "a{b"}, "tenant_id", "no braces"),
        ({"role": "client", "tenant_id": "@shared"}, "tenant_id", "no @"),
        ({"role": "client", "metadata": {"x": "y" * 20_000}}, "metadata", "16384"),
        ({"role": "client", "door": "back"}, "door", "must be one of '', 'agent'"),
        ({"role": "client", "version": 3}, "version", "none yet"),
    ],
)
async def test_what_makes_no_sense_is_422(desk: Desk, body: Any, param: str, says: str) -> None:
    """In agenthub's shape, with the field's name; nothing is made, and an update of a key that is there changes nothing."""
    refused = await desk("POST", "", body, status=422)
    assert set(refused) == {"code", "message", "trace_id", "details"}
    assert (refused["code"], refused["details"]["param"]) == ("VALIDATION_ERROR", param)
    assert says in refused["details"]["errors"][0]["msg"], refused
    assert await desk("GET") == []


async def test_an_update_changes_what_it_says(desk: Desk) -> None:
    """PATCH: limits one by one, null is the default; what is the same leaves no trace."""
    key_id, key = await desk.made(limits={"rpm": 5, "qps": 2}, models=["canary"], monthly_budget_usd=3)
    assert await desk.chat(key) == 403
    changed = await desk("PATCH", f"/{key_id}", {"limits": {"rpm": None, "burst": 4}, "models": None})
    assert (changed["limits"], changed["models"], changed["monthly_budget_usd"], changed["version"]) == (
        {"qps": 2.0, "burst": 4},
        None,
        3,
        2,
    )
    assert await desk.chat(key) == 200
    assert (await desk("PATCH", f"/{key_id}", {"models": None}))["version"] == 2
    event = desk.events.events[-1]
    assert (event.action, event.subject, set(event.changes)) == ("api_key.updated", key_id, {"limits", "models"})
    assert event.trace_id


async def test_put_is_the_whole_of_a_key(desk: Desk) -> None:
    """What it leaves out becomes the default; tenant, times and door stay."""
    key_id, _ = await desk.made(tenant_id="acme", limits={"rpm": 5}, user="ann", models=["plain"], monthly_budget_usd=3)
    await desk("PUT", f"/{key_id}", {"name": "n"}, status=422)
    shown = await desk("PUT", f"/{key_id}", {"role": "developer", "name": "n"})
    kept = {name: shown[name] for name in ("role", "name", "tenant_id", "limits", "user", "models", "monthly_budget_usd")}
    assert kept == {
        "role": "developer", "name": "n", "tenant_id": "acme", "limits": None, "user": "", "models": None, "monthly_budget_usd": None,
    }  # fmt: skip


@pytest.mark.parametrize("body", [{"tenant_id": "other"}, {"door": "agent"}])
async def test_what_a_key_was_made_with_stays(desk: Desk, body: Any) -> None:
    """Its tenant and its shape."""
    key_id, _ = await desk.made(tenant_id="acme")
    await desk("PATCH", f"/{key_id}", body, status=422)
    assert (await desk("GET", f"/{key_id}"))["version"] == 1


@pytest.mark.parametrize("how", ["header", "body"])
async def test_an_older_version_is_not_changed(desk: Desk, how: str) -> None:
    """412 with the one that holds; `ETag` gives it."""
    key_id, _ = await desk.made()
    answer = await desk.ask("PATCH", f"/{key_id}", {"name": "a"}, if_match='"1"')
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    more: dict[str, Any] = {"if_match": '"1"'} if how == "header" else {}
    body = {"name": "b"} | ({} if how == "header" else {"version": 1})
    refused = await desk("PATCH", f"/{key_id}", body, status=412, **more)
    assert refused["details"]["version"] == 2
    await desk("POST", f"/{key_id}/rotate", status=412, if_match='"1"')
    assert len(await desk("GET")) == 1


async def test_concurrent_edits_lose_nothing(desk: Desk) -> None:
    """Each of ten takes hold or says that it did not."""
    key_id, _ = await desk.made()
    answers = await asyncio.gather(*(desk.ask("PATCH", f"/{key_id}", {"metadata": {"n": n}}, if_match='"1"') for n in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9


async def test_one_of_concurrent_rotations_holds(desk: Desk) -> None:
    """The others leave no live key behind."""
    key_id, _ = await desk.made()
    answers = await asyncio.gather(*(desk.ask("POST", f"/{key_id}/rotate") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 4
    assert len(await desk("GET", "?status_filter=active")) == 1


async def test_disabled_keys_can_come_back(desk: Desk) -> None:
    """Revoked ones can't."""
    key_id, key = await desk.made()
    assert (await desk("POST", f"/{key_id}/disable"))["status"] == "disabled"
    assert await desk.chat(key) == 401
    assert (await desk("POST", f"/{key_id}/enable"))["status"] == "active"
    assert await desk.chat(key) == 200
    await desk("POST", f"/{key_id}/revoke")
    await desk("POST", f"/{key_id}/enable", status=409)


async def test_pages(desk: Desk) -> None:
    """`Link` leads on; the last page has none."""
    ids = sorted([(await desk.made())[0] for _ in range(5)])
    seen: list[str] = []
    path = "?limit=2"
    while True:
        answer = await desk.ask("GET", path)
        seen += [item["key_id"] for item in answer.json()]
        if "link" not in answer.headers:
            break
        assert answer.headers["x-next-after"] == seen[-1]
        path = answer.headers["link"].partition(">")[0].removeprefix("</v1/admin/api-keys")
    assert seen == ids
    for wrong in ("?limit=0", "?limit=1001", "?limit=x", "?limits=2", "?view=most"):
        await desk("GET", wrong, status=422)
    assert "tenant_id" in (await desk("GET", "?view=full"))[0]


async def test_a_tenant_s_administrator_has_its_tenant(desk: Desk) -> None:
    """Keys that it makes are that tenant's; others' are not there; no scope that it lacks is granted."""
    _, boss = await desk.made(role="admin", tenant_id="acme")
    foreign, _ = await desk.made(tenant_id="other")
    mine = await desk("POST", "", {"role": "client"}, key=boss)
    assert (await desk("GET", f"/{mine['key_id']}", key=boss))["tenant_id"] == "acme"
    assert foreign not in [item["key_id"] for item in await desk("GET", key=boss)]
    assert await desk("GET", "?tenant_id=other", key=boss) == []
    await desk("GET", f"/{foreign}", key=boss, status=404)
    await desk("POST", "", {"role": "client", "tenant_id": "other"}, key=boss, status=403)
    refused = await desk("POST", "", {"role": "client", "scopes": ["provider_objects"]}, key=boss, status=403)
    assert "provider_objects" in refused["message"]
    await desk("PATCH", f"/{mine['key_id']}", {"scopes": ["provider_objects"]}, key=boss, status=403)
    deputy = await desk("POST", "", {"role": "admin"}, key=boss)
    assert (await desk("GET", f"/{deputy['key_id']}", key=boss))["tenant_id"] == "acme"
    await desk("POST", "", {"role": "client", "tenant_id": "other"}, key=deputy["api_key"], status=403)


async def test_roles_of_the_configuration(desk: Desk) -> None:
    """Are granted as the built-in ones."""
    _, auditor = await desk.made(role="auditor")
    assert len(await desk("GET", key=auditor)) == 1
    await desk("POST", "", {"role": "client"}, key=auditor, status=403)
    assert await desk.chat(auditor) == 403


async def test_a_create_sent_twice_makes_one_key(desk: Desk) -> None:
    """With an Idempotency-Key: also at the same time; another body is 422; another administrator's is another."""
    body = {"role": "client", "name": "once"}
    answers = await asyncio.gather(*(desk.ask("POST", "", body, idempotency_key="a-1") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["api_key"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len(await desk("GET")) == 1
    assert await desk.chat(answers[0].json()["api_key"]) == 200
    refused = await desk("POST", "", {**body, "role": "developer"}, idempotency_key="a-1", status=422)
    assert refused["details"]["code"] == "idempotency_mismatch"
    _, boss = await desk.made(role="admin", tenant_id="acme")
    other = await desk("POST", "", body, idempotency_key="a-1", key=boss)
    assert other["key_id"] != answers[0].json()["key_id"]
    await desk("POST", "", body, idempotency_key="x" * 256, status=400)


async def test_a_rotation_sent_twice_is_one(desk: Desk) -> None:
    """The new key is given again, unless it has been revoked since."""
    key_id, _ = await desk.made(door="agent")
    first = await desk("POST", f"/{key_id}/rotate", idempotency_key="r")
    assert first["api_key"].startswith("csa_")
    assert await desk("POST", f"/{key_id}/rotate", idempotency_key="r") == first
    await desk("POST", f"/{first['key_id']}/revoke")
    await desk("POST", f"/{key_id}/rotate", idempotency_key="r", status=409)


async def test_agent_keys(desk: Desk) -> None:
    """C's shape, and C's limits where none are given."""
    key_id, key = await desk.made(door="agent")
    assert re.fullmatch(r"key_[0-9a-f]{16}", key_id)
    assert re.fullmatch(r"csa_[A-Za-z0-9_-]{43}", key)
    assert await desk.chat(key) == 200
    shown = await desk("GET", f"/{key_id}")
    assert (shown["limits"]["rpm"], shown["monthly_budget_usd"], shown["door"]) == (60, 100.0, "agent")


async def test_no_key_is_in_the_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Nor in an event."""
    key_id, key = await desk.made(metadata={"note": "private"})
    new = await desk("POST", f"/{key_id}/rotate")
    said = caplog.text + repr(desk.events.events)
    for secret in (key, new["api_key"], "private", key.partition(".")[2]):
        assert secret not in said


async def test_every_key_in_force_is_asked_for(desk: Desk) -> None:
    """The static administrator and client, as ever."""
    assert (await desk.ask("GET", key=KEY)).status_code == 403
    assert (await desk.ask("GET", key=ADMIN_KEY)).status_code == 200
