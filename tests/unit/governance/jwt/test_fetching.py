"""An issuer's documents, over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from proxy.governance.jwt.fetching import IssuerFetch
from proxy.governance.jwt.jwks import FetchFailed
from tests.support.upstream import Call, Upstream

Answer = tuple[int, Any, dict[str, str]]


class Site:
    def __init__(self, up: Upstream) -> None:
        self.up = up
        self.answers: dict[str, Answer] = {"/jwks": (200, {"keys": [1]}, {})}
        self.document(issuer=up.url, jwks_uri=f"{up.url}/jwks")
        up.on(self._serve)

    def document(self, **fields: Any) -> None:
        self.answers["/.well-known/openid-configuration"] = (200, fields, {})

    def paths(self) -> list[str]:
        return [call.path for call in self.up.calls]

    async def _serve(self, call: Call) -> None:
        status, body, headers = self.answers.get(call.path, (404, {}, {}))
        await call.answer(status, body, headers)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Upstream() as up:
        yield Site(up)


@asynccontextmanager
async def fetching(issuer: str, jwks_url: str | None = None) -> AsyncIterator[IssuerFetch]:
    fetch = IssuerFetch(issuer, jwks_url, tls=None)
    try:
        yield fetch
    finally:
        await fetch.aclose()


async def test_by_discovery_once(site: Site) -> None:
    """The key set's place is remembered as long as it is there."""
    async with fetching(site.up.url) as fetch:
        assert [await fetch.jwks() for _ in range(2)] == [b'{"keys": [1]}'] * 2
        assert site.paths() == ["/.well-known/openid-configuration", "/jwks", "/jwks"]
        site.answers["/new"] = site.answers.pop("/jwks")
        site.document(issuer=site.up.url, jwks_uri=f"{site.up.url}/new")
        with pytest.raises(FetchFailed, match="404"):
            await fetch.jwks()
        assert await fetch.jwks() == b'{"keys": [1]}'


async def test_by_url(site: Site) -> None:
    """Nothing else is asked; no credential and no cookie goes along."""
    async with fetching("https://i.test", f"{site.up.url}/jwks") as fetch:
        assert await fetch.jwks() == b'{"keys": [1]}'
    assert site.paths() == ["/jwks"]
    assert set(site.up.calls[0].headers) <= {"host", "accept", "user-agent", "accept-encoding", "content-length", "connection"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"issuer": "https://another"}, "another issuer"),
        ({"issuer": None}, "another issuer"),
        ({"jwks_uri": 5}, "no issuer and jwks_uri"),
        ({"jwks_uri": "file:///etc/passwd"}, "no URL that is fetched"),
        ({"jwks_uri": "http://user:pass@h/jwks"}, "no URL that is fetched"),
        ({"jwks_uri": "http://[::1/"}, "no issuer and jwks_uri"),
        ({"jwks_uri": ""}, "no URL that is fetched"),
        ({"jwks_uri": "http://localhost:9/jwks"}, "localhost"),
        ({"jwks_uri": "http://10.0.0.1/jwks"}, "10.0.0.1"),
        ({"jwks_uri": "http://169.254.169.254/latest"}, "169.254.169.254"),
    ],
)
async def test_documents_that_lead_astray(site: Site, fields: dict[str, Any], says: str) -> None:
    """Not followed: another host only if its address is public."""
    site.document(**{"issuer": site.up.url, "jwks_uri": f"{site.up.url}/jwks", **fields})
    async with fetching(site.up.url) as fetch:
        with pytest.raises(FetchFailed, match=says):
            await fetch.jwks()
    assert site.paths() == ["/.well-known/openid-configuration"]


def test_an_https_issuer_keeps_to_https() -> None:
    """A key set without TLS would be anybody's."""
    fetch = IssuerFetch("https://i.test", None, tls=None)
    with pytest.raises(FetchFailed, match="no URL that is fetched"):
        fetch._jwks_uri(b'{"issuer": "https://i.test", "jwks_uri": "http://i.test/jwks"}')
    assert fetch._jwks_uri(b'{"issuer": "https://i.test", "jwks_uri": "https://k.test/jwks"}') == "https://k.test/jwks"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((302, {}, {"location": "/jwks"}), "redirects are not followed"),
        ((500, {}, {}), "status 500"),
        ((200, b"x" * 300_000, {}), "/keys: "),
    ],
)
async def test_answers_that_are_none(site: Site, answer: Answer, says: str) -> None:
    """A redirect is one of them."""
    site.answers["/keys"] = answer
    async with fetching("https://i.test", f"{site.up.url}/keys") as fetch:
        with pytest.raises(FetchFailed, match=says):
            await fetch.jwks()
    assert site.paths() == ["/keys"]


async def test_nobody_there() -> None:
    """Said in words for the log."""
    async with fetching("https://i.test", "http://127.0.0.1:9/jwks") as fetch:
        with pytest.raises(FetchFailed, match=r"127\.0\.0\.1:9/jwks"):
            await fetch.jwks()
