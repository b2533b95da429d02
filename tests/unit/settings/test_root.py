"""Settings as a whole: defaults, sources, secrets, digest."""

import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from proxy.settings import ProviderSettings, Settings, SettingsError
from proxy.settings.models import ModelSettings
from proxy.settings.reading import SECTIONS
from proxy.settings.routing import TimeoutSettings
from proxy.settings.server import ServerSettings

CANARY = "sk-canary-7f3a9c2e41d8b650"
ECHO = {"echo": {"kind": "echo"}}


def test_defaults_are_those_of_the_product_description() -> None:
    """Without any source the values are the documented ones."""
    settings = Settings.of(providers=ECHO)
    server = settings.server
    assert (server.host, server.port, server.metrics_port, server.workers) == ("0.0.0.0", 8080, 9090, 1)
    assert (server.max_body_mb.models, server.max_body_mb.admin, server.max_response_mb) == (32, 1, 64)
    assert (server.drain_delay_s, server.grace_s, server.keepalive_after_s, server.header_timeout_s) == (5, 30, 15, 10)
    assert (server.body_stall_s, server.reader_stall_s, server.max_json_depth, server.body_metadata) == (30, 30, 128, True)
    cache = settings.cache
    assert (cache.enabled, cache.when, cache.scope) == (True, "always", "tenant")
    assert (cache.l1.max_entries, cache.l1.max_bytes, cache.l1.ttl_s) == (1000, 64 * 1024 * 1024, 300)
    assert (cache.l2.ttl_s, cache.l2.prefix, cache.l2.op_timeout_ms, cache.l2.connect_timeout_ms) == (3600, "llm-edge:", 100, 1000)
    timeouts = settings.timeouts_of()
    assert (timeouts.connect_s, timeouts.first_token_s, timeouts.between_chunks_s, timeouts.total_s) == (5, None, None, 600)
    assert settings.retries_of().attempts == 3
    assert settings.stores.records_url == "sqlite:///llm-edge.db"
    assert settings.auth.enabled
    assert settings.not_yet() == []


def test_the_list_of_sections_is_that_of_the_schema() -> None:
    """`LLM_EDGE_<SECTION>` knows every top-level setting."""
    assert set(Settings.model_fields) == SECTIONS


def test_settings_are_frozen() -> None:
    """Nobody changes a setting after it was read."""
    settings = Settings.of(providers=ECHO)
    with pytest.raises(ValidationError, match="frozen"):
        settings.server.port = 1  # type: ignore[misc]


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The constructor reads the process's environment, and its arguments lie over that."""
    monkeypatch.chdir(tmp_path)
    for name in ("LLM_EDGE_CONFIG", "SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT", "1111")
    monkeypatch.setenv("HOST", "127.0.0.1")
    settings = Settings(providers=ECHO, server={"port": 2222})
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 2222)


def test_sections_may_be_given_as_objects() -> None:
    """A library user may build sections with the models themselves."""
    settings = Settings.of(providers={"up": ProviderSettings(kind="echo")}, server=ServerSettings(port=1234))
    assert settings.server.port == 1234
    assert settings.providers["up"].kind == "echo"


def test_none_as_an_argument_means_not_given() -> None:
    """Flags that were not used can be passed on as None."""
    assert Settings.of(providers=ECHO, server=None).server.port == 8080


def test_no_provider_is_refused_with_the_known_text() -> None:
    """People and scripts look for this very line."""
    with pytest.raises(SettingsError) as caught:
        Settings.of()
    expected = "No providers configured: no LLM providers configured. Please set OPENAI_API_KEY or ANTHROPIC_API_KEY"
    assert str(caught.value) == expected


def test_demo_is_loopback_with_an_echo_provider_in_memory() -> None:
    """`--demo` needs nothing and opens nothing to the network."""
    settings = Settings.of(demo=True)
    assert settings.server.host == "127.0.0.1"
    assert [provider.kind for provider in settings.providers.values()] == ["echo"]
    assert settings.stores.records_url == "memory://"


def test_arguments_win_over_the_demo() -> None:
    """`serve --demo --host H` listens on H."""
    assert Settings.of(demo=True, server={"host": "127.0.0.2"}).server.host == "127.0.0.2"


def test_secrets_do_not_print() -> None:
    """Neither repr nor str nor a dump as JSON shows a key, a password or a header's value."""
    settings = Settings.of(
        providers={
            "up": {
                "kind": "openai",
                "api_keys": [CANARY],
                "headers": {"x-org": CANARY},
                "transport": "httpx",
                "proxy": f"http://u:{CANARY}@p",
            }
        },
        auth={"static_keys": [CANARY], "admin_key": CANARY, "signing_secret": CANARY * 2},
        stores={"redis": f"redis://:{CANARY}@host/0", "audit": f"kafka://u:{CANARY}@b", "records": f"postgres://u:{CANARY}@db/x"},
        cache={"l2": {"redis": f"redis://:{CANARY}@other/0"}},
    )
    assert CANARY not in repr(settings) + str(settings) + settings.model_dump_json() + "".join(settings.not_yet())


def test_the_digest_follows_every_change() -> None:
    """A secret's change shows too, an equal configuration has an equal digest, and no secret can be read from it."""
    one = Settings.of(providers={"up": {"kind": "openai", "api_keys": ["a"]}})
    same = Settings.of(providers={"up": {"kind": "openai", "api_keys": "a"}})
    other_key = Settings.of(providers={"up": {"kind": "openai", "api_keys": ["b"]}})
    other_port = Settings.of(providers={"up": {"kind": "openai", "api_keys": ["a"]}}, server={"port": 1})
    assert one.digest() == same.digest()
    assert len({one.digest(), other_key.digest(), other_port.digest()}) == 3
    assert len(one.digest()) == 16


def test_a_default_written_out_has_the_same_digest() -> None:
    """5 and 5.0 seconds are one value."""
    assert Settings.of(providers=ECHO, server={"grace_s": 30}).digest() == Settings.of(providers=ECHO).digest()


def test_the_digest_takes_paths() -> None:
    """Files named by settings are part of it."""
    provider = {"up": {"kind": "echo", "ca_file": __file__}}
    assert Settings.of(providers=provider).digest() != Settings.of(providers={"up": {"kind": "echo"}}).digest()


def test_timeouts_overlay_field_by_field() -> None:
    """Model over provider over routing; what one leaves out comes from the next."""
    settings = Settings.of(providers=ECHO, routing={"timeouts": {"connect_s": 1, "total_s": 100, "first_token_s": 9}})
    provider = ProviderSettings(kind="echo", timeouts=TimeoutSettings(connect_s=2, first_token_s=8))
    model = ModelSettings.model_validate({"targets": [{"provider": "echo"}], "timeouts": {"connect_s": 3}})
    timeouts = settings.timeouts_of(model, provider)
    assert (timeouts.connect_s, timeouts.first_token_s, timeouts.total_s, timeouts.between_chunks_s) == (3, 8, 100, None)


def test_a_model_may_switch_a_timeout_off() -> None:
    """Null is a value of its own."""
    settings = Settings.of(providers=ECHO)
    model = ModelSettings.model_validate({"targets": [{"provider": "echo"}], "timeouts": {"total_s": None}})
    assert settings.timeouts_of(model).total_s is None


def test_a_models_own_retries_and_strategy_win() -> None:
    """They fall back to `routing`."""
    settings = Settings.of(providers=ECHO)
    model = ModelSettings.model_validate({"targets": [{"provider": "echo"}], "retries": {"attempts": 1}, "strategy": "cost_based"})
    assert (settings.retries_of(model).attempts, settings.strategy_of(model)) == (1, "cost")
    plain = ModelSettings.model_validate({"targets": [{"provider": "echo"}]})
    assert (settings.retries_of(plain).attempts, settings.strategy_of(plain), settings.strategy_of()) == (3, "model", "model")


@pytest.mark.parametrize(
    ("cache", "redis", "expected"),
    [
        ({}, None, None),
        ({}, "redis://a/0", "redis://a/0"),
        ({"l2": {"redis": "redis://b/0"}}, "redis://a/0", "redis://b/0"),
        ({"l2": {"enabled": False}}, "redis://a/0", None),
        ({"enabled": False}, "redis://a/0", None),
    ],
)
def test_the_l2_cache_is_on_when_there_is_a_redis(cache: dict[str, object], redis: str | None, expected: str | None) -> None:
    """Unless it is switched off; a Redis of its own wins."""
    assert Settings.of(providers=ECHO, cache=cache, stores={"redis": redis}).l2_url == expected


def test_settings_travel_to_other_processes() -> None:
    """Workers that are spawned get them pickled, with their origins."""
    settings = Settings.of(providers=ECHO, server={"port": 1})
    copy = pickle.loads(pickle.dumps(settings))
    assert copy.digest() == settings.digest()
    assert copy.origin(("server", "port")) == "argument"


def test_origin_tells_defaults_apart() -> None:
    """Only what a source gave has a place."""
    settings = Settings.of(providers=ECHO, server={"port": 1})
    assert settings.origin(("server", "port")) == "argument"
    assert settings.origin(("server", "host")) == "default"
