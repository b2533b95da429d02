"""Redis URLs: what they mean, and what is refused without repeating a secret."""

import ssl
from pathlib import Path

import pytest
import trustme

from proxy.storage.hot.address import RedisAddress, is_cluster, parse_address, parse_cluster


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://", RedisAddress()),
        ("redis://cache", RedisAddress(host="cache")),
        ("redis://cache:6380/2", RedisAddress(host="cache", port=6380, db=2)),
        ("redis://cache/?db=3", RedisAddress(host="cache", db=3)),
        ("redis://:s%40cret@cache", RedisAddress(host="cache", password="s@cret")),
        ("redis://ann:pw@[::1]:7000/0", RedisAddress(host="::1", port=7000, username="ann", password="pw")),
        ("rediss://cache", RedisAddress(host="cache", tls=True)),
        ("unix:///run/redis.sock", RedisAddress(path="/run/redis.sock")),
        ("unix://ann:pw@/run/a%20b.sock?db=1", RedisAddress(path="/run/a b.sock", db=1, username="ann", password="pw")),
    ],
)
def test_urls_say_where_and_who(url: str, expected: RedisAddress) -> None:
    """All the forms of the module's docstring."""
    assert parse_address(url) == expected


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://cache", "begins with redis://"),
        ("cache:6379", "begins with redis://"),
        ("unix://", "path of the socket"),
        ("redis://:hunter2@cache:port", "not a number"),
        ("redis://:hunter2@cache:0", "not a number"),
        ("redis://:hunter2@cache:99999", "not a number"),
        ("redis://:hunter2@cache/zero", "database"),
        ("redis://:hunter2@cache?tiemout=3", "unknown option 'tiemout'"),
        ("redis://:hunter2@cache?ssl_ca_certs=x", "unknown option"),
        ("rediss://:hunter2@cache?ssl_cert_reqs=maybe", "required or none"),
    ],
)
def test_wrong_urls_are_refused_without_the_password(url: str, complaint: str) -> None:
    """The message helps and shows no credentials."""
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_address(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("redis://ann:hunter2@cache:6380/2", "redis://cache:6380/2"),
        ("rediss://:hunter2@[::1]", "rediss://[::1]:6379/0"),
        ("unix://ann:hunter2@/run/r.sock", "unix:///run/r.sock"),
    ],
)
def test_labels_and_reprs_carry_no_credentials(url: str, label: str) -> None:
    """What goes to logs and health answers."""
    address = parse_address(url)
    assert address.label == label
    assert repr(address) == f"RedisAddress({label!r})"


def test_without_tls_there_is_no_context() -> None:
    """Plain and Unix addresses."""
    assert parse_address("redis://cache").ssl_context() is None


def test_tls_verifies_by_default() -> None:
    """`rediss://` alone means a checked certificate and host name."""
    context = parse_address("rediss://cache").ssl_context()
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_verification_can_be_turned_off() -> None:
    """`ssl_cert_reqs=none` implies no host name check."""
    context = parse_address("rediss://cache?ssl_cert_reqs=none").ssl_context()
    assert context is not None
    assert not context.check_hostname
    assert context.verify_mode == ssl.CERT_NONE


def test_the_host_name_check_alone_can_be_turned_off() -> None:
    """For a server reached through a tunnel."""
    context = parse_address("rediss://cache?ssl_check_hostname=false").ssl_context()
    assert context is not None
    assert not context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_certificate_files_are_loaded(tmp_path: Path) -> None:
    """A private CA and a client certificate."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("client").private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    query = f"ssl_ca_certs={tmp_path / 'ca.pem'}&ssl_certfile={tmp_path / 'client.pem'}"
    context = parse_address(f"rediss://cache?{query}").ssl_context()
    assert context is not None
    assert len(context.get_ca_certs()) == 1


def test_a_missing_certificate_file_is_an_os_error() -> None:
    """Reported when the store is made, at start."""
    with pytest.raises(OSError, match="No such file"):
        parse_address("rediss://cache?ssl_ca_certs=/nonexistent/ca.pem").ssl_context()


def test_a_cluster_is_found_by_any_of_its_nodes() -> None:
    """All are reached with the same credentials and options, which are shown nowhere."""
    address = parse_cluster("rediss+cluster://me:p%40ss@one:7000,two,[::1]:7002/0?ssl_cert_reqs=none")
    assert address.seeds == (("one", 7000), ("two", 6379), ("::1", 7002))
    assert address.label == "rediss+cluster://one:7000,two:6379,[::1]:7002"
    assert "p%40ss" not in repr(address)
    node = parse_address(address.node_url(address.seeds[2]))
    assert (node.host, node.port, node.username, node.password, node.tls) == ("::1", 7002, "me", "p@ss", True)
    assert is_cluster("redis+cluster://h")
    assert not is_cluster("redis://h")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://h", "begins with redis\\+cluster"),
        ("redis+cluster://a,,b", "at least one host"),
        ("redis+cluster://h/3", "only database 0"),
        ("redis+cluster://h:x", "port"),
        ("redis+cluster://h?nonsense=1", "unknown option"),
    ],
)
def test_a_wrong_cluster_is_named(url: str, said: str) -> None:
    """Without its credentials."""
    with pytest.raises(ValueError, match=said):
        parse_cluster(url)
