"""From settings to options, and over the wire."""

from pathlib import Path

import msgspec
import trustme

from proxy.serving.options import Launch, ServeOptions
from proxy.settings import Settings


def settings(**server: object) -> Settings:
    return Settings.of(server={"host": "127.0.0.1", **server}, providers={"echo": {"kind": "echo"}}, stores={"records": "memory://"})


def test_every_serving_setting_arrives() -> None:
    """With its unit."""
    options = ServeOptions.of(
        settings(port=1, metrics_port=2, drain_delay_s=3, grace_s=4, header_timeout_s=5, body_stall_s=6, reader_stall_s=7, idle_s=8)
    )
    assert (options.host, options.port, options.metrics_port) == ("127.0.0.1", 1, 2)
    assert (options.drain_delay_s, options.grace_s) == (3, 4)
    limits = options.limits
    assert (limits.headers_s, limits.body_stall_s, limits.write_stall_s, limits.keep_alive_s) == (5, 6, 7, 8)


def test_without_metrics_there_is_no_metrics_port() -> None:
    """ENABLE_METRICS=false turns both off."""
    off = Settings.of(telemetry={"metrics": False}, providers={"echo": {"kind": "echo"}})
    assert ServeOptions.of(off).metrics_port is None


def test_certificate(tmp_path: Path) -> None:
    """Only when TLS is on."""
    file = tmp_path / "cert.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(file)
    tls = {"cert": str(file), "key": str(file)}
    assert ServeOptions.of(settings(tls=tls)).tls_cert == str(file)
    assert ServeOptions.of(settings(tls={**tls, "enabled": False})).tls_cert is None


def test_a_launch_travels() -> None:
    """As msgpack to workers."""
    launch = Launch(options=ServeOptions(workers=2), config="a.yaml", overrides={"server": {"port": 1}})
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(launch), type=Launch) == launch
