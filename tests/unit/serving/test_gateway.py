"""The gateway behind the serving side's protocol."""

import os
from pathlib import Path

import httpx2
import pytest

from proxy.admin.reload import ReloadRefused
from proxy.serving.gateway import open_gateway, secrets_in
from proxy.serving.options import Launch, ServeOptions
from proxy.settings import SettingsError
from tests.unit.serving.test_runtime import runtime

KEY = "sk-client-canary-1234"


def launch(config: Path, text: str) -> Launch:
    config.write_text(text)
    return Launch(
        options=ServeOptions(), config=str(config), overrides={"stores": {"records": "memory://"}, "auth": {"static_keys": [KEY]}}
    )


ONE = "providers: {echo: {kind: echo}}\nmodels: {one: {targets: [{provider: echo, model: echo}]}}\n"
TWO = ONE.replace("one:", "two:")


async def models(app: object) -> list[str]:
    transport = httpx2.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        reply = await client.get("/v1/models", headers={"authorization": f"Bearer {KEY}"})
    return [model["id"] for model in reply.json()["data"]]


async def test_opened_and_reloaded(tmp_path: Path) -> None:
    """Two steps: nothing changes until the second."""
    served = open_gateway(launch(tmp_path / "c.yaml", ONE), runtime())
    async with served.gateway.lifespan():  # type: ignore[attr-defined]
        assert await models(served.asgi) == ["one"]
        (tmp_path / "c.yaml").write_text(TWO)
        plan = await served.prepare_reload()
        assert plan.version != plan.previous == served.gateway.settings.digest()  # type: ignore[attr-defined]
        assert plan.changed == ("models.one", "models.two")
        assert await models(served.asgi) == ["one"]
        await served.commit_reload()
        assert await models(served.asgi) == ["two"]


async def test_a_bad_file_is_refused_with_its_reason(tmp_path: Path) -> None:
    """And cannot be committed."""
    served = open_gateway(launch(tmp_path / "c.yaml", ONE), runtime())
    (tmp_path / "c.yaml").write_text("servers: {}\n")
    with pytest.raises(ReloadRefused, match="servers"):
        await served.prepare_reload()
    with pytest.raises(ReloadRefused, match="nothing has been prepared"):
        await served.commit_reload()


def test_a_bad_file_at_the_start(tmp_path: Path) -> None:
    """The settings' own error."""
    with pytest.raises(SettingsError):
        open_gateway(launch(tmp_path / "c.yaml", "servers: {}\n"), runtime())


def test_secrets_of_the_configuration_are_not_logged(tmp_path: Path) -> None:
    """Every one of them is known to the redactor."""
    used = runtime()
    text = ONE + "stores: {redis: 'redis://:redis-password-1@127.0.0.1:1/0'}\n"
    open_gateway(launch(tmp_path / "c.yaml", text), used)
    assert used.logs.redact(f"key {KEY} url redis://:redis-password-1@127.0.0.1:1/0".encode()) == b"key *** url ***"
    assert used.logs.redact(b"AUTH redis-password-1") == b"AUTH ***"


def test_secrets_are_found_at_any_depth() -> None:
    """In mappings, lists and tuples."""
    from pydantic import SecretStr

    assert secrets_in({"a": [SecretStr("one")], "b": ({"c": SecretStr("two")},), "d": 3}) == ["one", "two"]


def test_the_environment_is_left_alone() -> None:
    """Opening reads it, and writes nothing there."""
    before = dict(os.environ)
    with pytest.raises(SettingsError):
        open_gateway(Launch(options=ServeOptions(), config="/nonexistent.yaml"), runtime())
    assert dict(os.environ) == before
