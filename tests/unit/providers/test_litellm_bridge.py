"""Kind litellm as a provider, and the import of the package."""

import importlib
import json
import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.core.errors import BadRequest, ModelNotFound
from proxy.providers import litellm_bridge
from proxy.providers.litellm_bridge import HINT, LitellmBridge, build_bridge, load_litellm, loading
from proxy.providers.litellm_transport import LitellmUnusable
from proxy.settings import ProviderSettings
from proxy.settings.litellm_environ import FIXED
from tests.support.fake_litellm import Dumped, Fake, pretend_installed
from tests.unit.providers.outgoing import outgoing

WHOLE = Dumped({"choices": []})


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if importlib.util.find_spec("litellm") is None:
        pretend_installed(monkeypatch, tmp_path)


def bridge(fake: Fake | None = None, **more: Any) -> LitellmBridge:
    settings = ProviderSettings.model_validate({"kind": "litellm", "model_prefix": "groq/", **more})
    return build_bridge("groq", settings, load=(fake or Fake(WHOLE)).load)


async def test_settings_reach_each_call() -> None:
    """Address, headers, version, key; and that nothing is tried twice, cached or told to others."""
    fake = Fake(WHOLE)
    provider = bridge(fake, base_url="http://b/v1/", api_keys=["k-1", "k-2"], headers={"X-Team": "t"}, api_version="v9")
    body = {"model": "m", "messages": [], "api_base": "http://evil"}
    await provider.transport.send(provider.request(outgoing(body=json.dumps(body).encode()), provider.keys.members[1]))
    given = fake.calls[0][1]
    assert (given["model"], given["api_key"], given["api_base"], given["api_version"]) == ("groq/m", "k-2", "http://b/v1", "v9")
    assert given["extra_headers"] == {"X-Team": "t"}
    assert (given["num_retries"], given["max_retries"], given["caching"], given["drop_params"]) == (0, 0, False, False)
    await provider.aclose()
    assert fake.users == 0


async def test_without_settings_of_its_own() -> None:
    """The package finds address and key itself."""
    fake = Fake(WHOLE)
    provider = bridge(fake, price="free")
    await provider.transport.send(provider.request(outgoing(), provider.keys.members[0]))
    assert not {"api_base", "extra_headers", "api_version"} & set(fake.calls[0][1])
    assert (provider.name, provider.kind, provider.free, provider.model_prefix) == ("groq", "litellm", True, "groq/")
    assert (provider.dialect, provider.dialects) == ("openai_chat", frozenset({"openai_chat", "openai_embeddings"}))
    assert bridge(dialects=["chat"]).dialects == {"openai_chat"}


def test_a_request_carries_no_header_of_the_client() -> None:
    """And a name that is none is no request."""
    made = bridge().request(outgoing(headers={b"openai-beta": b"x"}, stream=True), bridge().keys.members[0])
    assert (made.headers, made.stream, made.model, made.url) == ((), True, "groq/m", "litellm:groq/m")
    with pytest.raises(ModelNotFound):
        bridge().request(outgoing(model="../m"), bridge().keys.members[0])


def test_what_it_cannot_be_given_is_named() -> None:
    """And gone."""
    body: dict[str, Any] = {"model": "m", "messages": [], "api_key": "k", "stream": False}
    assert bridge().amend(body, "openai_chat") == ("api_key",)
    assert body == {"model": "m", "messages": [], "stream": False}
    with pytest.raises(BadRequest):
        bridge().amend({"tools": [{"type": "mcp"}]}, "openai_chat")


@pytest.mark.parametrize("options", [None, {"include_usage": False}, {"x": 1}])
def test_streams_report_usage(options: Any) -> None:
    """Metering needs it."""
    body: dict[str, Any] = {"stream": True, "stream_options": options}
    assert bridge().amend(body, "openai_chat") == ()
    assert body["stream_options"] == {**(options or {}), "include_usage": True}


async def test_only_bridges_have_to_be_waited_for() -> None:
    """Others serve at once; the first that cannot is named."""
    assert loading([]) is None
    fine, unknown = bridge(), build_bridge("odd", ProviderSettings(kind="litellm", model_prefix="odd/"), load=Fake().load)
    waiting = loading([fine, unknown])
    assert waiting is not None
    with pytest.raises(LitellmUnusable, match="provider odd: litellm cannot be used: it knows no provider 'odd'"):
        await waiting


def test_a_package_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the hint that helps."""
    monkeypatch.setitem(sys.modules, "litellm", None)
    for name in FIXED:
        monkeypatch.setenv(name, "")  # and put back what the call sets
    litellm_bridge._load.cache_clear()
    with pytest.raises(LitellmUnusable, match=HINT.replace("[", r"\[")):
        load_litellm()


class Closed:
    """Something with an `aclose`, or a `stop`, that counts."""

    def __init__(self) -> None:
        self.times = 0

    async def aclose(self) -> None:
        self.times += 1

    stop = aclose


async def test_the_package_is_settled_when_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its switches are ours, its log handler is gone, and the last user takes its connections along."""
    for name, value in FIXED.items():
        monkeypatch.setenv(name, f"not {value}")
    monkeypatch.setenv("SOME_API_KEY", "some-secret-1234")
    cache, shared, worker, flushed = Closed(), Closed(), Closed(), list[int]()
    package = SimpleNamespace(
        acompletion=1,
        aembedding=2,
        provider_list=["groq", SimpleNamespace(value="mistral")],
        drop_params=True,
        close_litellm_async_clients=cache.aclose,
        in_memory_llm_clients_cache=SimpleNamespace(flush_cache=lambda: flushed.append(1)),
        module_level_aclient=SimpleNamespace(client=SimpleNamespace(_transport=shared)),
    )
    monkeypatch.setitem(sys.modules, "litellm", package)
    monkeypatch.setitem(sys.modules, "litellm.litellm_core_utils.logging_worker", SimpleNamespace(GLOBAL_LOGGING_WORKER=worker))
    logger = logging.getLogger("LiteLLM")
    logger.addHandler(logging.NullHandler())
    litellm_bridge._load.cache_clear()
    try:
        api = load_litellm()
        assert load_litellm() is api
    finally:
        litellm_bridge._load.cache_clear()
    assert {name: os.environ[name] for name in FIXED} == FIXED
    assert (package.drop_params, package.telemetry, package.num_retries, package.callbacks) == (False, False, None, [])
    assert logger.handlers == []
    assert (api.chat, api.embed, api.providers) == (package.acompletion, package.aembedding, frozenset({"groq", "mistral"}))
    assert "some-secret-1234" in api.secrets
    assert api.timeout(9, 3).connect == 3
    api.acquire()
    api.acquire()
    await api.release()
    assert cache.times == 0
    await api.release()
    assert (cache.times, shared.times, worker.times, flushed) == (1, 1, 1, [1])
    package.module_level_aclient = None
    api.acquire()
    await api.release()
    assert (cache.times, shared.times) == (2, 1)
