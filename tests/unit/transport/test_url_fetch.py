"""GETs on a client's behalf, over real sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest
import trustme

from proxy.transport.url_fetch import MAX_REDIRECTS, Fetched, FetchFailed, UrlFetcher
from tests.support.hostile_server import HostileServer, Peer
from tests.support.upstream import Call, Upstream

LOOPBACK = (ip_network("127.0.0.1/32"),)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
async def up() -> AsyncIterator[Upstream]:
    async with Upstream() as upstream:
        yield upstream


def fetcher(up: Upstream, **more: Any) -> UrlFetcher:
    port = int(up.url.rpartition(":")[2])
    values: dict[str, Any] = {"max_bytes": 1000, "timeout_s": 5.0, "ports": frozenset({port, 9}), "allowed": LOOPBACK}
    return UrlFetcher(tls=None, **{**values, **more})


async def fetch(url: str, fetcher: UrlFetcher, *, within_s: float = 5.0) -> Fetched:
    try:
        return await fetcher.fetch(url, deadline=asyncio.get_running_loop().time() + within_s)
    finally:
        await fetcher.aclose()


def file(body: bytes = PNG, kind: str = "image/png") -> Any:
    async def handler(call: Call) -> None:
        await call.answer(200, body, {"content-type": kind})

    return handler


def to(location: str, status: int = 302) -> Any:
    async def handler(call: Call) -> None:
        await call.answer(status, b"", {"location": location})

    return handler


async def test_body_and_media_type_come_back(up: Upstream) -> None:
    """Without the parameters of the type, and the fragment is not sent; nothing tells who asks but the product."""
    up.on(file(kind="Image/PNG; charset=x"))
    assert await fetch(f"{up.url}/a.png?sig=1#part", fetcher(up)) == Fetched(PNG, "image/png")
    (call,) = up.calls
    assert (call.method, call.path) == ("GET", "/a.png?sig=1")
    assert set(call.headers) == {"host", "accept", "user-agent", "accept-encoding"}


async def test_redirects_are_followed(up: Upstream) -> None:
    """Relative ones, too."""
    up.script(to("/b"), to(f"{up.url}/c", 307), file())
    assert (await fetch(f"{up.url}/a", fetcher(up))).body == PNG
    assert [call.path for call in up.calls] == ["/a", "/b", "/c"]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://127.0.0.2:{port}/x", "no server could be reached there"),
        ("http://[::ffff:127.0.0.2]:{port}/x", "no server could be reached there"),
        ("http://169.254.169.254:{port}/latest/meta-data", "no server could be reached there"),
        ("http://127.0.0.1:1/x", "port 1 is not one of those that are fetched from"),
        ("file:///etc/passwd", "only absolute http and https URLs are fetched"),
        ("http://user:pw@127.0.0.1:{port}/x", "a URL with credentials is not fetched"),
        ("http://127.0.0.1:{port}/\N{SNOWMAN}", "the URL holds characters that have to be percent-encoded"),
        ("http://[::1", "the server leads to something that is not a URL"),
    ],
)
async def test_a_redirect_is_judged_like_the_first_url(up: Upstream, location: str, message: str) -> None:
    """Nothing is sent to where it leads."""
    port = up.url.rpartition(":")[2]
    up.on(to(location.format(port=port).encode().decode("latin-1")))
    with pytest.raises(FetchFailed, match=f"^{message}$"):
        await fetch(f"{up.url}/a", fetcher(up))
    assert len(up.calls) == 1


async def test_redirects_end(up: Upstream) -> None:
    """After a few."""
    up.on(to("/again"))
    with pytest.raises(FetchFailed, match="further than 3 times"):
        await fetch(f"{up.url}/a", fetcher(up))
    assert len(up.calls) == MAX_REDIRECTS + 1


async def test_a_redirect_without_a_location_is_said_so(up: Upstream) -> None:
    """It leads nowhere."""

    async def handler(call: Call) -> None:
        await call.answer(302, b"")

    up.on(handler)
    with pytest.raises(FetchFailed, match="leads nowhere"):
        await fetch(up.url, fetcher(up))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:9/" + "a" * 5000, "longer than 4096 characters"),
        ("//127.0.0.1:9/x", "only absolute"),
        ("ftp://127.0.0.1:9/x", "only absolute"),
        ("http://:9/x", "only absolute"),
        ("http://127.0.0.1:99999/", "not a URL"),
        ("http://127.0.0.1/x", "port 80 is not one of those"),
        ("https://127.0.0.1/x", "port 443 is not one of those"),
        ("http://127.0.0.1:9/", "no server could be reached there"),
        ("http://nowhere.invalid:9/", "no server could be reached there"),
    ],
)
async def test_urls_that_cannot_be_fetched_say_why(up: Upstream, url: str, message: str) -> None:
    """A refused address, an unknown name and a closed port read alike."""
    with pytest.raises(FetchFailed, match=message):
        await fetch(url, fetcher(up))


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0"])
async def test_without_leave_nothing_of_this_machine_is_reached(up: Upstream, address: str) -> None:
    """However its address is spelt."""
    up.on(file())
    port = up.url.rpartition(":")[2]
    with pytest.raises(FetchFailed, match="no server could be reached there"):
        await fetch(f"http://{address}:{port}/", fetcher(up, allowed=()))
    assert not up.calls


async def leading_down(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n")
    await peer.gone()


async def test_https_does_not_lead_to_http() -> None:
    """What was asked for in private stays so."""
    authority = trustme.CA()
    serving, asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(asking)
    async with HostileServer(leading_down, tls=serving) as server:
        fetching = UrlFetcher(tls=asking, max_bytes=10, timeout_s=5, ports=frozenset({server.port}), allowed=LOOPBACK)
        with pytest.raises(FetchFailed, match="from https to http"):
            await fetch(f"https://127.0.0.1:{server.port}/", fetching)


@pytest.mark.parametrize("told", [True, False])
async def test_the_size_is_capped(up: Upstream, told: bool) -> None:
    """By what the head says, else while reading."""

    async def handler(call: Call) -> None:
        if told:
            await call.head(200, {"content-length": "1001"})
        else:
            await call.begin_stream()
            await call.chunk(bytes(1001))
            await call.end_stream()

    up.on(handler)
    with pytest.raises(FetchFailed, match="over 1000 bytes"):
        await fetch(up.url, fetcher(up))


async def test_exactly_the_cap_is_taken(up: Upstream) -> None:
    """The bound itself is within."""
    up.on(file(bytes(1000)))
    assert len((await fetch(up.url, fetcher(up))).body) == 1000


async def test_another_status_is_told(up: Upstream) -> None:
    """With its number."""

    async def handler(call: Call) -> None:
        await call.answer(404, b"no")

    up.on(handler)
    with pytest.raises(FetchFailed, match="answered with status 404"):
        await fetch(up.url, fetcher(up))


async def test_a_silent_server_is_left(up: Upstream) -> None:
    """After `timeout_s`, or at the request's deadline if that is sooner."""

    async def handler(call: Call) -> None:
        await call.until_gone()

    up.on(handler)
    with pytest.raises(FetchFailed, match="did not answer in time"):
        await fetch(up.url, fetcher(up, timeout_s=0.05))
    with pytest.raises(FetchFailed, match="did not answer in time"):
        await fetch(up.url, fetcher(up), within_s=0.05)


async def test_a_broken_answer_is_no_file(up: Upstream) -> None:
    """Half a body is nothing."""

    async def handler(call: Call) -> None:
        await call.head(200, {"content-length": "50"})
        await call.raw(b"half")
        call.close()

    up.on(handler)
    with pytest.raises(FetchFailed, match="broke off"):
        await fetch(up.url, fetcher(up))
