"""GET of a URL that a client named: public addresses only, few redirects, capped in size, time and number at once.

Nothing of the client's request goes along, and what the failed fetch met is told in words that say little about the network behind: a
refused address, an unknown name and a closed port read alike (the chained exception, for the log, says which).
"""

import asyncio
import ssl
from urllib.parse import urljoin, urlsplit

import msgspec

from proxy.core.version import __version__
from proxy.transport.base import Header, ResponseTooLarge, Timeouts, Transport, TransportError, UpstreamRequest, UpstreamResponse
from proxy.transport.http1 import Http1Transport
from proxy.transport.public import Network, PublicOnly

MAX_REDIRECTS = 3
MAX_URL_CHARACTERS = 4096
AT_ONCE = 16
"""Fetches under way in one process: each may hold `max_bytes`."""
_KEEPALIVE_S = 2.0
_CONNECT_S = 5.0
_HEADERS: tuple[Header, ...] = ((b"accept", b"*/*"), (b"user-agent", f"llm-edge/{__version__}".encode()))
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS = {"http": 80, "https": 443}


class FetchFailed(Exception):
    """The message is for the client."""


class Fetched(msgspec.Struct, frozen=True):
    """`media_type`: as the server says, lower case without parameters; "" where it says nothing."""

    body: bytes
    media_type: str


class UrlFetcher:
    """`ports`: those that may be asked; `allowed`: networks that may be reached although they are not public; `timeout_s`: for one URL
    with its redirects."""

    def __init__(
        self, *, tls: ssl.SSLContext | None, max_bytes: int, timeout_s: float, ports: frozenset[int], allowed: tuple[Network, ...] = ()
    ) -> None:
        self._transport: Transport = Http1Transport(tls=tls, keepalive_s=_KEEPALIVE_S, admit=PublicOnly(allowed))
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._ports = ports
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, url: str, *, deadline: float) -> Fetched:
        """`deadline`: loop time. Raises FetchFailed."""
        async with self._turns:
            due = min(deadline, asyncio.get_running_loop().time() + self._timeout_s)
            for _ in range(MAX_REDIRECTS + 1):
                self._judge(url)
                answer = await self._get(url, due)
                if isinstance(answer, Fetched):
                    return answer
                if url[:6].lower() == "https:" and answer[:5].lower() == "http:":
                    raise FetchFailed("the server leads from https to http")
                url = answer
        raise FetchFailed(f"the server leads further than {MAX_REDIRECTS} times")

    async def aclose(self) -> None:
        await self._transport.aclose()

    def _judge(self, url: str) -> None:
        if len(url) > MAX_URL_CHARACTERS:
            raise FetchFailed(f"the URL is longer than {MAX_URL_CHARACTERS} characters")
        try:
            parts = urlsplit(url)
            port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        except ValueError:
            raise FetchFailed("this is not a URL") from None
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise FetchFailed("only absolute http and https URLs are fetched")
        if parts.username is not None or parts.password is not None:
            raise FetchFailed("a URL with credentials is not fetched")
        if port not in self._ports:
            raise FetchFailed(f"port {port} is not one of those that are fetched from")

    async def _get(self, url: str, due: float) -> Fetched | str:
        """What is there, or where it leads to."""
        url = url.partition("#")[0]
        timeouts = Timeouts(connect_s=_CONNECT_S, headers_s=None, between_bytes_s=None, deadline=due)
        request = UpstreamRequest(method="GET", url=url, headers=_HEADERS, timeouts=timeouts, max_response_bytes=self._max_bytes)
        try:
            response = await self._transport.send(request)
        except ValueError as exc:
            raise FetchFailed("the URL holds characters that have to be percent-encoded") from exc
        except TransportError as exc:
            raise _failure(exc) from exc
        try:
            return await self._read(url, response)
        except ResponseTooLarge as exc:
            raise FetchFailed(f"what it holds is over {self._max_bytes} bytes") from exc
        except TransportError as exc:
            raise _failure(exc) from exc
        finally:
            response.close()

    async def _read(self, url: str, response: UpstreamResponse) -> Fetched | str:
        if response.status in _REDIRECTS:
            location = response.header(b"location")
            if location is None:
                raise FetchFailed("the server leads nowhere")
            try:
                return urljoin(url, location.decode("latin-1"))
            except ValueError:
                raise FetchFailed("the server leads to something that is not a URL") from None
        if response.status != 200:
            raise FetchFailed(f"the server answered with status {response.status}")
        kind = (response.header(b"content-type") or b"").decode("latin-1").partition(";")[0].strip().lower()
        length = response.header(b"content-length")
        if length is not None and length.isdigit() and int(length) > self._max_bytes:
            raise FetchFailed(f"what it holds is over {self._max_bytes} bytes")
        return Fetched(await response.read(), kind)


def _failure(exc: TransportError) -> FetchFailed:
    if exc.timeout and exc.sent:
        return FetchFailed("the server did not answer in time")
    return FetchFailed("the server broke off its answer" if exc.sent else "no server could be reached there")
