"""What all providers over HTTP have in common."""

import pytest

from proxy.core.version import __version__
from proxy.providers.http import HttpProvider
from proxy.providers.key_pool import Credential, KeyPool
from proxy.transport.base import Header, Timeouts
from proxy.transport.scripted import ScriptedTransport
from tests.unit.providers.outgoing import outgoing


class Tokens(HttpProvider):
    """A provider as small as can be."""

    kind = "tokens"
    dialect = "openai_chat"
    paths = {"openai_chat": "/generate"}
    passed_headers = (b"x-beta",)
    passed_query = (b"version",)

    def credential_headers(self, key: Credential) -> tuple[Header, ...]:
        return ((b"x-token", key.secret.encode()),)

    def default_headers(self) -> tuple[Header, ...]:
        return ((b"x-beta", b"none"),)


def tokens(*keys: str, extra: tuple[tuple[str, str], ...] = ()) -> Tokens:
    return Tokens("t", base_url="http://up.test/v1/", keys=KeyPool(list(keys)), transport=ScriptedTransport([]), extra_headers=extra)


def test_a_request_carries_what_the_provider_needs() -> None:
    """URL, type, credential, limits, and who asks."""
    provider = tokens("k1")
    request = provider.request(outgoing(body=b"{1}", timeouts=Timeouts(deadline=5.0)), provider.keys.members[0])
    assert (request.method, request.url, request.body) == ("POST", "http://up.test/v1/generate", b"{1}")
    assert dict(request.headers) == {
        b"content-type": b"application/json",
        b"accept": b"application/json",
        b"user-agent": f"llm-edge/{__version__}".encode(),
        b"x-beta": b"none",
        b"x-token": b"k1",
    }
    assert (request.timeouts.deadline, request.max_response_bytes) == (5.0, 1000)


def test_streams_are_asked_for_as_such() -> None:
    """By Accept, although the headers of whole answers have been built before."""
    provider = tokens("k1")
    key = provider.keys.members[0]
    kinds = [dict(provider.request(outgoing(stream=stream), key).headers)[b"accept"] for stream in (False, True, False)]
    assert kinds == [b"application/json", b"text/event-stream", b"application/json"]


def test_each_member_of_a_pool_sends_its_own_key() -> None:
    """Headers are built once a credential."""
    provider = tokens("k1", "k2")
    assert [dict(provider.request(outgoing(), key).headers)[b"x-token"] for key in provider.keys.members] == [b"k1", b"k2"]


def test_an_upstream_without_credentials_gets_none() -> None:
    """No empty header either."""
    provider = tokens()
    assert b"x-token" not in dict(provider.request(outgoing(), provider.keys.members[0]).headers)


def test_only_listed_client_headers_pass_and_replace_the_default() -> None:
    """Contract K: an allow-list."""
    provider = tokens("k1")
    headers = provider.request(outgoing(headers={b"x-beta": b"b2", b"x-token": b"evil", b"cookie": b"c"}), provider.keys.members[0]).headers
    assert [value for name, value in headers if name == b"x-beta"] == [b"b2"]
    assert dict(headers)[b"x-token"] == b"k1"
    assert b"cookie" not in dict(headers)


def test_configured_headers_win_over_everything_built_in() -> None:
    """Also over the credential: some proxies want another."""
    provider = tokens("k1", extra=(("X-Token", "other"), ("X-Team", "a")))
    headers = provider.request(outgoing(), provider.keys.members[0]).headers
    assert [value for name, value in headers if name == b"x-token"] == [b"other"]
    assert dict(headers)[b"x-team"] == b"a"


@pytest.mark.parametrize(
    ("query", "url"),
    [
        (b"", "http://up.test/v1/generate"),
        (b"key=secret", "http://up.test/v1/generate"),
        (b"version=2&key=secret&versions=3", "http://up.test/v1/generate?version=2"),
    ],
)
def test_only_listed_query_parameters_pass(query: bytes, url: str) -> None:
    """A key in the client's query never reaches the provider."""
    assert tokens().url(outgoing(query=query)) == url


def test_a_provider_must_define_its_credential() -> None:
    """Forgetting it is found at the first call, not at the provider's bill."""
    bare = HttpProvider("b", base_url="http://up.test", keys=KeyPool(["k"]), transport=ScriptedTransport([]))
    with pytest.raises(TypeError):
        bare.request(outgoing(), bare.keys.members[0])


async def test_closing_closes_the_transport() -> None:
    """Its idle connections go."""

    class Noted(ScriptedTransport):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    transport = Noted([])
    await Tokens("t", base_url="http://up.test", keys=KeyPool([]), transport=transport).aclose()
    assert transport.closed
