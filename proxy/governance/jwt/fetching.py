"""Getting an issuer's discovery document and key set.

Both URLs are the operator's (or the issuer's own word), so private addresses are allowed at the configured host; a key set that discovery
places at another host must be at a public address. Redirects are not followed. No credential goes along, sizes and times are capped.
Source: OpenID Connect Discovery 1.0 sections 4.1 to 4.3, read 2026-11-26.
"""

import asyncio
import json
import ssl
from urllib.parse import urlsplit

from proxy.core.version import __version__
from proxy.governance.jwt.jwks import Fetch, FetchFailed
from proxy.governance.jwt.keyset import MAX_JWKS_BYTES
from proxy.transport.base import Header, Timeouts, Transport, TransportError, UpstreamRequest
from proxy.transport.http1 import Http1Transport
from proxy.transport.public import PublicOnly

TIMEOUT_S = 5.0
_KEEPALIVE_S = 2.0
_HEADERS: tuple[Header, ...] = ((b"accept", b"application/json"), (b"user-agent", f"llm-edge/{__version__}".encode()))
DISCOVERY = "/.well-known/openid-configuration"


class IssuerFetch:
    """`jwks_url` None: asked of the issuer's discovery document, anew whenever the key set was not there."""

    def __init__(self, issuer: str, jwks_url: str | None, *, tls: ssl.SSLContext | None, allow_http: bool = False) -> None:
        self._issuer = issuer
        self._configured = jwks_url
        self._found: str | None = None
        self._allow_http = allow_http
        self._near: Transport = Http1Transport(tls=tls, keepalive_s=_KEEPALIVE_S)
        self._far: Transport = Http1Transport(tls=tls, keepalive_s=_KEEPALIVE_S, admit=PublicOnly())

    async def jwks(self) -> bytes:
        """Raises FetchFailed."""
        if self._configured is not None:
            return await self._get(self._near, self._configured)
        if self._found is None:
            self._found = self._jwks_uri(await self._get(self._near, self._issuer.rstrip("/") + DISCOVERY))
        same = urlsplit(self._found).hostname == urlsplit(self._issuer).hostname
        try:
            return await self._get(self._near if same else self._far, self._found)
        except FetchFailed:
            self._found = None
            raise

    async def aclose(self) -> None:
        await self._near.aclose()
        await self._far.aclose()

    def _jwks_uri(self, body: bytes) -> str:
        try:
            document = json.loads(body)
            issuer, url = document["issuer"], document["jwks_uri"]
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise FetchFailed(f"the issuer's discovery document has no issuer and jwks_uri ({DISCOVERY}): set jwks_url") from None
        if issuer != self._issuer:
            raise FetchFailed("the discovery document is of another issuer than the configured one: they must be equal to the letter")
        if not good or (parts.scheme == "http" and urlsplit(self._issuer).scheme == "https" and not self._allow_http):
            raise FetchFailed("the issuer's jwks_uri is no URL that is fetched (https, without credentials)")
        return str(url)

    async def _get(self, transport: Transport, url: str) -> bytes:
        deadline = asyncio.get_running_loop().time() + TIMEOUT_S
        timeouts = Timeouts(connect_s=TIMEOUT_S, deadline=deadline)
        request = UpstreamRequest(method="GET", url=url, headers=_HEADERS, timeouts=timeouts, max_response_bytes=MAX_JWKS_BYTES)
        try:
            response = await transport.send(request)
            try:
                if response.status != 200:
                    raise FetchFailed(f"{url} answered with status {response.status}" + _redirect(response.status))
                return await response.read()
            finally:
                response.close()
        except (TransportError, ValueError) as exc:
            raise FetchFailed(f"{url}: {exc}") from exc


def _redirect(status: int) -> str:
    return "; redirects are not followed: set jwks_url to where it leads" if 300 <= status < 400 else ""


_: type[Fetch] = IssuerFetch
