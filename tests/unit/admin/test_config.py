"""What is in force, and the order to read it again."""

from pathlib import Path

from proxy.admin.reload import Reloaded, ReloadRefused
from proxy.settings import Problem, load_settings
from tests.support.admin import administered, two_providers
from tests.support.gateway import ADMIN_KEY, KEY


async def test_what_is_in_force_is_shown_without_its_secrets() -> None:
    """With its version, since when, and what was laid over."""
    secret = "sk-canary-7f3a9c2e41d8b650"
    providers = {"up": {"kind": "openai", "base_url": "http://127.0.0.1:1/v1", "api_keys": [secret]}, "old": {"kind": "echo"}}
    models = {"m": {"targets": [{"provider": "old", "model": "m"}]}}
    async with administered(two_providers(providers=providers, models=models)) as edge:
        answer = await edge.call("GET", "/config")
        body = answer.json()
        assert body["version"] == edge.gateway.settings.digest() == (await edge.client.get("/health")).json()["config_version"]
        assert body["loaded_at"].endswith("Z")
        assert body["file"] is None
        assert body["config"]["providers"]["up"]["api_keys"] == ["***"]
        assert body["drift"] == {"version": 0, "weights": {}, "drained": {}}
        assert "origins" not in body
        assert not any(text in answer.text for text in (secret, KEY, ADMIN_KEY))


async def test_where_values_come_from(tmp_path: Path) -> None:
    """On request."""
    file = tmp_path / "c.yaml"
    file.write_text("providers:\n  old: {kind: echo}\nstores:\n  records: memory://\n")
    config = load_settings(file, environ={"LLM_EDGE_ADMIN_KEY": ADMIN_KEY, "PORT": "8099"}, dotenv=None)
    async with administered(config) as edge:
        body = await edge.get("/config?origins=true")
        assert body["file"] == str(file)
        assert body["origins"]["stores.records"] == "c.yaml:4:3"
        assert body["origins"]["server.port"] == "environment PORT"


async def test_it_is_not_changed_here() -> None:
    """409, with the place."""
    async with administered() as edge:
        for method in ("PUT", "PATCH"):
            answer = await edge.call(method, "/config", {})
            assert (answer.status_code, answer.json()["details"]["code"]) == (409, "managed_by_file")


async def test_a_reload_answers_what_changed() -> None:
    """As whoever serves the gateway says."""

    async def reload() -> Reloaded:
        return Reloaded(version="b", previous="a", changed=("models.m",), warnings=("w",), workers=2)

    async with administered(reload=reload) as edge:
        answer = await edge.call("POST", "/config/reload")
        assert answer.status_code == 200
        assert answer.json() == {"version": "b", "previous": "a", "changed": ["models.m"], "warnings": ["w"], "workers": 2}


async def test_a_refused_reload_answers_why() -> None:
    """422, with every mistake's place."""

    async def reload() -> Reloaded:
        raise ReloadRefused(Problem("unknown key", "models.x", "c.yaml:12:5"))

    async with administered(reload=reload) as edge:
        answer = await edge.call("POST", "/config/reload")
        assert answer.status_code == 422
        body = answer.json()
        assert set(body) == {"code", "message", "trace_id", "details"}
        assert (body["code"], body["details"]["code"]) == ("HTTP_422", "config_refused")
        assert body["details"]["problems"][0]["line"] == 12


async def test_a_gateway_that_nobody_serves_cannot_reload_itself() -> None:
    """Its program has the configuration."""
    async with administered() as edge:
        assert (await edge.call("POST", "/config/reload")).status_code == 501
