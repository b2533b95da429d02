"""The composition root: reload, and the record of each request's end."""

import asyncio
import importlib
import threading
from pathlib import Path
from typing import Any

import pytest

from proxy.providers.litellm_bridge import build_bridge
from proxy.settings import ProviderSettings, Settings
from proxy.state import ConfigRefused
from proxy.telemetry.logbuffer import LogBuffer
from proxy.telemetry.logs import AccessLog
from proxy.transport.scripted import ScriptedTransport
from tests.support.eventually import eventually
from tests.support.fake_litellm import Dumped, Fake, pretend_installed
from tests.support.gateway import running, settings
from tests.support.library import in_process, json_reply, one_provider, provider
from tests.support.sink import KeptLines
from tests.support.upstream import Call, Upstream, chat, chat_chunk, chat_stream, failing, json_answer


def at(upstream: Upstream, **more: Any) -> Settings:
    return settings(upstream.url, **more)


def two(first: Upstream, second: Upstream, model: str) -> Settings:
    """`model` at the second upstream; the first one has another name."""
    provider = {"kind": "openai", "api_keys": ["sk-x-1234567890"]}
    return settings(
        providers={"one": {**provider, "base_url": f"{first.url}/v1"}, "two": {**provider, "base_url": f"{second.url}/v1"}},
        models={model: {"targets": [{"provider": "two"}]}},
    )


async def test_a_reload_takes_the_new_routes() -> None:
    """The next request goes where the new configuration says; what it does not list any more is unknown."""
    async with Upstream() as one, Upstream() as other:
        one.on(json_answer(chat("one")))
        other.on(json_answer(chat("other")))
        async with running(at(one)) as edge:
            assert (await edge.chat("a")).json()["choices"][0]["message"]["content"] == "one"
            await edge.gateway.reload(two(one, other, "new"))
            assert (await edge.chat("b", model="new")).json()["choices"][0]["message"]["content"] == "other"
            assert (await edge.chat("c")).status_code == 404
            assert (await edge.client.get("/health")).json()["config_version"] == edge.gateway.settings.digest()


async def test_a_stream_under_way_ends_on_the_configuration_it_began_with() -> None:
    """Its upstream connection outlives the reload, and is closed when the answer is."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "begin"}))
        begun.set()
        await go.wait()
        for event in chat_stream(" end")[1:]:
            await call.chunk(event)
        await call.end_stream()

    async with Upstream() as one, Upstream() as other:
        one.on(slow)
        async with running(at(one)) as edge:
            stream = asyncio.ensure_future(edge.chat(stream=True))
            await begun.wait()
            await edge.gateway.reload(two(one, other, "new"))
            go.set()
            answer = await stream
            assert answer.text.endswith("data: [DONE]\n\n")
            assert answer.headers["x-llm-edge-provider"] == "openai"
            await eventually(lambda: one.open == 0)


async def test_a_request_that_retries_after_a_reload_still_has_its_provider() -> None:
    """Requests under way finish on the configuration they began with, further tries included."""
    asked = asyncio.Event()
    go = asyncio.Event()

    async def fail_late(call: Call) -> None:
        asked.set()
        await go.wait()
        await failing(503)(call)

    async with Upstream() as one, Upstream() as other:
        one.script(fail_late, json_answer(chat("second try")))
        async with running(at(one)) as edge:
            request = asyncio.ensure_future(edge.chat())
            await asked.wait()
            await edge.gateway.reload(two(one, other, "new"))
            await asyncio.sleep(0)
            go.set()
            answer = await request
            assert (answer.status_code, answer.json()["choices"][0]["message"]["content"]) == (200, "second try")


async def test_a_reload_that_fails_leaves_everything_as_it_was() -> None:
    """Whole or not at all: routes, keys and the digest that /health tells."""
    absent = one_provider(
        models={"old": {"targets": [{"provider": "mine"}]}},
        stores={"records": "postgresql://db.test/edge"},
        auth={"signing_secret": "a-signing-secret-of-32-characters"},
        usage={"enabled": False},  # no spool in the current folder
    )
    async with in_process(lambda _: json_reply(chat()), config=absent) as edge:
        digest = edge.gateway.settings.digest()
        unreachable = one_provider(models={"new": {"targets": [{"provider": "mine"}]}}, stores={"records": "memory://"})
        with pytest.raises(ConfigRefused):
            await edge.gateway.reload(unreachable)
        assert edge.gateway.settings.digest() == edge.gateway.state.settings.digest() == digest
        assert [(await edge.chat(model=model)).status_code for model in ("old", "new")] == [200, 404]


async def test_reloads_leave_no_task_behind() -> None:
    """However many: each configuration's own helpers end with it."""
    async with in_process() as edge:
        before = edge.gateway.state.tasks.names()
        for _ in range(3):
            await edge.gateway.reload(one_provider())
        await eventually(lambda: len(edge.gateway.state.tasks) <= len(before))
        assert edge.gateway.state.tasks.names() == before


async def test_after_a_reload_the_end_closes_the_new_providers() -> None:
    """No idle connection outlives the gateway."""
    async with Upstream() as one, Upstream() as other:
        other.on(json_answer(chat()))
        async with running(at(one)) as edge:
            await edge.gateway.reload(two(one, other, "new"))
            assert (await edge.chat(model="new")).status_code == 200
            assert other.open == 1
        await eventually(lambda: other.open == 0, within_s=1.0)


async def test_new_keys_hold_from_the_reload_on() -> None:
    """And old ones no longer."""
    async with in_process(lambda _: json_reply(chat())) as edge:
        assert (await edge.chat()).status_code == 200
        await edge.gateway.reload(one_provider(auth={"static_keys": ["another-key-0123456789"]}))
        assert (await edge.chat()).status_code == 401
        assert (await edge.chat(headers={"authorization": "Bearer another-key-0123456789"})).status_code == 200


async def test_own_providers_stay_open_over_a_reload() -> None:
    """They are the caller's; the gateway closes them once, at its end."""
    async with in_process(lambda _: json_reply(chat())) as edge:
        mine = edge.gateway.state.pipeline.providers["mine"]
        await edge.gateway.reload(one_provider(server={"body_metadata": False}))
        assert edge.gateway.state.pipeline.providers["mine"] is mine
        assert "metadata" not in (await edge.chat()).json()


async def test_probes_are_not_in_the_access_log() -> None:
    """One line a request, none for health and metrics."""
    lines = KeptLines()
    buffer = LogBuffer(lines)
    async with in_process(lambda _: json_reply(chat()), access_log=AccessLog(buffer)) as edge:
        for path in ("/health", "/health/live", "/metrics"):
            await edge.client.get(path)
        await edge.chat()
        await edge.chat(model="")
        buffer.flush()
    written = lines.data.decode().splitlines()
    assert [("/v1/chat/completions" in line, status in line) for line, status in zip(written, ("200", "400"), strict=True)] == [
        (True, True)
    ] * 2


async def test_switched_off_authentication_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """At the start, once."""
    async with in_process(config=one_provider(auth={"enabled": False})):
        assert [r.getMessage() for r in caplog.records if "authentication" in r.getMessage()] == [
            "authentication is off: every caller is an administrator"
        ]


async def test_what_has_no_effect_yet_is_announced(caplog: pytest.LogCaptureFixture) -> None:
    """With the setting's name."""
    config = one_provider(audit={"previews": "all"})
    async with in_process(config=config):
        assert any(r.getMessage().startswith("audit: ") for r in caplog.records)


def slow_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fake: Fake) -> dict[str, Any]:
    """A provider that has to load something first."""
    if importlib.util.find_spec("litellm") is None:
        pretend_installed(monkeypatch, tmp_path)
    return {"slow": build_bridge("slow", ProviderSettings(kind="litellm", model_prefix="groq/"), load=fake.load)}


async def test_readiness_waits_for_what_has_to_be_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Serving does not: others answer at once, its own requests when it is there."""
    fake, go_on = Fake(Dumped({"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]})), threading.Event()

    def hold() -> None:
        go_on.wait(10)

    fake.before_load = hold
    async with in_process(json_reply(chat()), config=one_provider()) as plain:
        assert plain.gateway.lifecycle.is_ready
    config = one_provider(models={"m": {"targets": [{"provider": "mine"}]}})
    own = {"mine": provider(ScriptedTransport([json_reply(chat())])), **slow_start(monkeypatch, tmp_path, fake)}
    async with in_process(config=config, providers=own) as edge:
        assert (await edge.client.get("/ready")).status_code == 503
        assert (await edge.client.get("/readyz")).json() == {"status": "not ready", "error": "starting"}
        assert (await edge.chat(model="m")).status_code == 200
        go_on.set()
        await eventually(lambda: edge.gateway.lifecycle.is_ready)
        assert (await edge.client.get("/ready")).status_code == 200
    assert fake.users == 0


async def test_what_cannot_be_loaded_is_never_ready(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says why."""
    fake = Fake(providers=("mistral",))
    async with in_process(config=one_provider(), providers=slow_start(monkeypatch, tmp_path, fake)) as edge:
        await eventually(lambda: "not ready: a provider cannot be used" in caplog.text)
        assert edge.gateway.lifecycle.state == "starting"
    (record,) = [r for r in caplog.records if r.message.startswith("not ready")]
    assert "it knows no provider 'groq'" in record.__dict__["error"]
