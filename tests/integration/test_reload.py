"""A new configuration comes into force whole or not at all, and nobody's request notices."""

import asyncio
import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proxy.admin.reload import ReloadRefused
from proxy.serving.gateway import ServedGateway
from proxy.serving.options import Launch, ServeOptions
from proxy.settings import Settings, load_settings
from proxy.state import ConfigRefused
from proxy.storage.issue import new_key, signing_secret
from tests.support.edge_process import EdgeProcess
from tests.support.eventually import eventually
from tests.support.gateway import ADMIN_KEY, KEY, Running, chat_body, running, settings
from tests.support.upstream import Call, Upstream, chat, chat_stream, json_answer
from tests.unit.serving.test_runtime import runtime


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        up.on(json_answer(chat()))
        yield up


def with_key(upstream: Upstream, secret: str, **more: Any) -> Settings:
    """The provider's settings change with its key."""
    provider = {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": [secret]}
    return settings(providers={"openai": provider}, cache={"enabled": False}, **more)


def unusable(upstream: Upstream, tmp_path: Path) -> Settings:
    """Right as far as settings can tell; the second provider cannot be built."""
    (tmp_path / "ca.pem").write_text("no certificate")
    provider = {"kind": "openai", "base_url": "https://127.0.0.1:1/v1", "api_keys": ["k"], "ca_file": str(tmp_path / "ca.pem")}
    good = with_key(upstream, "sk-two-1234567890").providers["openai"]
    return settings(providers={"openai": good, "broken": provider})


def reloads(edge: Running) -> dict[str, float]:
    return {s.labels[0]: s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == "llm_edge_config_reloads_total"}


def connections(edge: Running) -> int:
    return edge.gateway.state.pipeline.providers["openai"].transport.stats().open


ECHO = {"echo": {"kind": "echo"}}


def write(config: Path, providers: dict[str, Any], **sections: Any) -> None:
    """JSON is YAML."""
    config.write_text(json.dumps({"providers": providers, **sections}))


class Gate:
    """An upstream's handler: the first event, then the rest when `release` is set."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.release = asyncio.Event()

    async def stream(self, call: Call) -> None:
        first, *rest = chat_stream("one ", "two")[1:]
        await call.begin_stream()
        await call.chunk(first)
        self.asked.set()
        await self.release.wait()
        for event in rest:
            await call.chunk(event)
        await call.end_stream()

    async def fail(self, call: Call) -> None:
        self.asked.set()
        await self.release.wait()
        await call.answer(500, {"error": {"message": "no", "type": "server_error", "code": None, "param": None}})


async def test_a_stream_survives_a_reload(upstream: Upstream) -> None:
    """It ends whole on the connection it has; requests from then on use the new provider; the old one's sockets go at the end."""
    gate = Gate()
    async with running(with_key(upstream, "sk-one-1234567890")) as edge:
        old = edge.gateway.state.pipeline.providers["openai"].transport
        assert (await edge.chat()).status_code == 200
        upstream.on(gate.stream)
        streaming = asyncio.ensure_future(edge.chat(stream=True))
        await gate.asked.wait()
        await edge.gateway.reload(with_key(upstream, "sk-two-1234567890"))
        upstream.on(json_answer(chat()))
        assert (await edge.chat("other")).status_code == 200
        assert [call.headers["authorization"] for call in upstream.calls] == [f"Bearer sk-{n}-1234567890" for n in ("one", "one", "two")]
        assert old.stats().in_use == 1
        gate.release.set()
        answer = await streaming
        assert answer.text.endswith("data: [DONE]\n\n")
        assert "two" in answer.text
        await eventually(lambda: old.stats().open == 0)
        await eventually(lambda: "provider-retire" not in edge.gateway.state.tasks.names())


async def test_a_request_may_retry_after_a_reload(upstream: Upstream) -> None:
    """The provider that it began with stays usable until it has ended."""
    gate = Gate()
    async with running(with_key(upstream, "sk-one-1234567890")) as edge:
        upstream.script(gate.fail, json_answer(chat("second try")))
        asking = asyncio.ensure_future(edge.chat())
        await gate.asked.wait()
        await edge.gateway.reload(with_key(upstream, "sk-two-1234567890"))
        await edge.gateway.reload(with_key(upstream, "sk-three-1234567890"))
        gate.release.set()
        answer = await asking
        assert answer.json()["choices"][0]["message"]["content"] == "second try"
        assert {call.headers["authorization"] for call in upstream.calls} == {"Bearer sk-one-1234567890"}


async def test_a_provider_that_did_not_change_keeps_its_connections(upstream: Upstream) -> None:
    """And the state of its key pool."""
    async with running(with_key(upstream, "sk-one-1234567890")) as edge:
        await edge.chat()
        before = edge.gateway.state.pipeline.providers["openai"]
        await edge.gateway.reload(with_key(upstream, "sk-one-1234567890", routing={"retries": {"attempts": 1}}))
        assert edge.gateway.state.pipeline.providers["openai"] is before
        await edge.chat("again")
        assert connections(edge) == 1
        assert "provider-retire" not in edge.gateway.state.tasks.names()


async def test_a_refused_configuration_changes_nothing(upstream: Upstream, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is counted and logged with the reason."""
    async with running(with_key(upstream, "sk-one-1234567890")) as edge:
        state, digest = edge.gateway.state, edge.gateway.settings.digest()
        with pytest.raises(ConfigRefused):
            await edge.gateway.reload(unusable(upstream, tmp_path))
        assert edge.gateway.state is state
        assert edge.gateway.settings.digest() == digest
        assert reloads(edge) == {"success": 0, "failure": 1}
        assert any("not reloaded" in record.message and getattr(record, "error", "") for record in caplog.records)
        await edge.chat()
        assert upstream.calls[0].headers["authorization"] == "Bearer sk-one-1234567890"


async def test_prepared_is_not_in_force(upstream: Upstream) -> None:
    """Until it is committed; abandoned, it leaves nothing."""
    async with running(with_key(upstream, "sk-one-1234567890")) as edge:
        prepared = await edge.gateway.prepare(with_key(upstream, "sk-two-1234567890"))
        await edge.chat("a")
        await prepared.abandon()
        assert edge.gateway.settings.providers["openai"].api_keys[0].get_secret_value() == "sk-one-1234567890"
        assert reloads(edge) == {"success": 0, "failure": 0}
        await edge.chat("b")
        assert {call.headers["authorization"] for call in upstream.calls} == {"Bearer sk-one-1234567890"}


async def test_what_was_prepared_on_another_configuration_is_refused(upstream: Upstream) -> None:
    """Nor can anything be prepared before the start or committed after the end."""
    async with running(with_key(upstream, "sk-one-1234567890")) as edge:
        gateway = edge.gateway
        stale = await gateway.prepare(with_key(upstream, "sk-two-1234567890"))
        gateway.commit(await gateway.prepare(with_key(upstream, "sk-three-1234567890")))
        with pytest.raises(ConfigRefused, match="meanwhile"):
            gateway.commit(stale)
        await stale.abandon()
        late = await gateway.prepare(with_key(upstream, "sk-four-1234567890"))
    with pytest.raises(ConfigRefused, match="meanwhile"):
        gateway.commit(late)
    with pytest.raises(ConfigRefused, match="not running"):
        await gateway.prepare(with_key(upstream, "sk-five-1234567890"))
    await late.abandon()


async def test_keys_and_health_follow(upstream: Upstream) -> None:
    """A client key that is gone is refused, a new one admitted; the version changes, the uptime goes on."""
    async with running(with_key(upstream, "sk-one-1234567890")) as edge:
        before = (await edge.client.get("/health")).json()
        began = edge.gateway.state.clock.monotonic()
        await eventually(lambda: edge.gateway.state.clock.monotonic() > began + 1.1)
        new = with_key(upstream, "sk-one-1234567890", auth={"static_keys": ["another-key-0123456789"], "admin_key": ADMIN_KEY})
        await edge.gateway.reload(new)
        assert (await edge.chat()).status_code == 401
        assert (await edge.chat(headers={"authorization": "Bearer another-key-0123456789"})).status_code == 200
        after = (await edge.client.get("/health")).json()
        assert after["config_version"] == new.digest() != before["config_version"]
        assert after["uptime_seconds"] >= 1
        versions = [s.labels for s in edge.gateway.metrics.snapshot() if s.family == "llm_edge_config_info"]
        assert versions == [(new.digest(),)]


async def test_last_used_is_written_back_at_a_reload(upstream: Upstream) -> None:
    """The replaced key ring flushes what it knows, and ends."""
    async with running(with_key(upstream, "sk-one-1234567890")) as edge:
        state = edge.gateway.state
        key, record = new_key(await signing_secret(state.records, None), state.clock.time())
        await state.records.create(record)
        assert (await edge.chat(headers={"authorization": f"Bearer {key}"})).status_code == 200
        await edge.gateway.reload(with_key(upstream, "sk-two-1234567890"))
        async with asyncio.timeout(5):
            while (found := await state.records.get(record.key_id)) is None or found.last_used is None:
                await asyncio.sleep(0.01)
        assert state.tasks.names().count("keys-last-used") == 1


async def test_last_used_is_written_back_at_the_end(tmp_path: Path) -> None:
    """Before the store closes."""
    config = settings(stores={"records": f"sqlite:///{tmp_path}/records.db"})
    async with running(config) as edge:
        state = edge.gateway.state
        key, record = new_key(await signing_secret(state.records, None), state.clock.time())
        await state.records.create(record)
        assert (await edge.chat(model="echo", headers={"authorization": f"Bearer {key}"})).status_code == 200
    async with running(config) as edge:
        found = await edge.gateway.state.records.get(record.key_id)
        assert found is not None
        assert found.last_used is not None


@asynccontextmanager
async def served_gateway(config: Path) -> AsyncIterator[ServedGateway]:
    """As a worker has it, in this loop."""
    write(config, ECHO)
    overrides = {"stores": {"records": "memory://"}, "auth": {"static_keys": [KEY]}}
    made = ServedGateway(
        Launch(options=ServeOptions(), config=str(config), overrides=overrides), runtime(), load_settings(str(config), overrides=overrides)
    )
    async with made.gateway.lifespan():
        yield made


async def test_the_last_prepared_counts(tmp_path: Path) -> None:
    """A supervisor that found workers at odds begins anew; what was prepared first is let go."""
    config = tmp_path / "c.yaml"
    async with served_gateway(config) as served:
        versions = []
        for name in ("one", "two"):
            write(config, {name: {"kind": "echo"}})
            versions.append((await served.prepare_reload()).version)
        await served.commit_reload()
        assert list(served.gateway.state.pipeline.providers) == ["two"]
        assert served.gateway.settings.digest() == versions[1] != versions[0]


async def test_a_commit_that_comes_too_late_is_refused(tmp_path: Path) -> None:
    """The library's own reload came first: the supervisor is told, and replaces the worker."""
    async with served_gateway(tmp_path / "c.yaml") as served:
        await served.prepare_reload()
        await served.gateway.reload(settings())
        with pytest.raises(ReloadRefused, match="meanwhile"):
            await served.commit_reload()


async def test_what_needs_a_restart_is_said(tmp_path: Path) -> None:
    """A new port or store is in the file but not in force."""
    config = tmp_path / "c.yaml"
    async with served_gateway(config) as served:
        for sections, warned in (({"auth": {"health_check": True}}, False), ({"server": {"port": 8099}}, True)):
            write(config, ECHO, **sections)
            plan = await served.prepare_reload()
            await served.commit_reload()
            assert any("wait for a restart" in warning for warning in plan.warnings) is warned


EMBEDDED = {"server": {"workers": 2}, "stores": {"redis": "embedded"}}


def table(*names: str) -> dict[str, Any]:
    return {name: {"targets": [{"provider": "echo", "model": "echo"}]} for name in names}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[EdgeProcess]:
    process = EdgeProcess(tmp_path / "config.yaml", providers=ECHO, models=table("one"), **EMBEDDED)
    with process:
        yield process


def get(served: EdgeProcess, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{served.port}{path}", timeout=20) as answer:
        return json.loads(answer.read())


def status_of(served: EdgeProcess, model: str) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{served.port}/v1/chat/completions",
        data=json.dumps(chat_body(model=model)).encode(),
        headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code


def until(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def test_sighup_reaches_every_worker_within_5_s(served: EdgeProcess) -> None:
    """Each new connection, whichever worker takes it, finds the new table; both workers say the same version."""
    assert (status_of(served, "one"), status_of(served, "two")) == (200, 404)
    before = get(served, "/health")["config_version"]
    served.configure(providers=ECHO, models=table("two"), **EMBEDDED)
    began = time.monotonic()
    served.signal(signal.SIGHUP)
    line = served.wait_for("configuration reloaded")
    assert time.monotonic() - began < 5
    assert line["workers"] == 2
    assert {get(served, "/health")["config_version"] for _ in range(30)} == {line["version"]} != {before}
    assert {(status_of(served, "one"), status_of(served, "two")) for _ in range(20)} == {(404, 200)}


@pytest.mark.parametrize("fault", ["settings", "parts"])
def test_a_bad_file_reaches_no_worker(served: EdgeProcess, tmp_path: Path, fault: str) -> None:
    """Whether the settings are wrong or what they name cannot be built: the old version goes on, and why is in the log."""
    before = get(served, "/health")["config_version"]
    if fault == "settings":
        served.configure(providers=ECHO, modles=table("two"), **EMBEDDED)
    else:
        (tmp_path / "ca.pem").write_text("no certificate")
        broken = {"kind": "openai", "base_url": "https://127.0.0.1:1/v1", "api_keys": ["k"], "ca_file": str(tmp_path / "ca.pem")}
        served.configure(providers={**ECHO, "broken": broken}, models=table("two"), **EMBEDDED)
    served.signal(signal.SIGHUP)
    line = served.wait_for("configuration not reloaded, the old one stays in force")
    assert ("modles" if fault == "settings" else "ca.pem") in line["error"]
    assert {get(served, "/health")["config_version"] for _ in range(20)} == {before}
    assert {status_of(served, "one") for _ in range(10)} == {200}
    text = urllib.request.urlopen(f"http://127.0.0.1:{served.metrics_port}/metrics", timeout=20).read()
    assert b'llm_edge_config_reloads_total{result="failure"} 1.0' in text
    assert len([line for line in served.lines if line["message"] == "worker ready"]) == 2


async def test_streams_survive_sighup(served: EdgeProcess) -> None:
    """Eight, on both workers, ended whole after the reload."""
    text = "echo:chunk_ms=40 " + "word " * 50
    port = served.port

    async def stream(client: httpx2.AsyncClient, started: asyncio.Event) -> str:
        shown = ""
        async with client.stream("POST", "/v1/chat/completions", json=chat_body(text, model="one", stream=True)) as answer:
            async for piece in answer.aiter_text():
                shown += piece
                started.set()
        return shown

    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"authorization": f"Bearer {KEY}", "cache-control": "no-store"},
        trust_env=False,
        timeout=20,
    ) as client:
        starts = [asyncio.Event() for _ in range(8)]
        streams = [asyncio.ensure_future(stream(client, started)) for started in starts]
        for started in starts:
            await started.wait()
        served.configure(providers=ECHO, models=table("two"), **EMBEDDED)
        served.signal(signal.SIGHUP)
        await asyncio.to_thread(served.wait_for, "configuration reloaded")
        assert not any(s.done() for s in streams)
        for answer in await asyncio.gather(*streams):
            assert answer.endswith("data: [DONE]\n\n")
    assert await asyncio.to_thread(status_of, served, "one") == 404
