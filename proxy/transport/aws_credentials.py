"""AWS credentials by the usual chain, kept and renewed before they expire.

    environment → web identity → credentials and config files → container endpoint → instance metadata

The first source that is set up decides. Expiring credentials are renewed EARLY_S before their end by whoever asks first, the others go on
with the old ones; LATE_S before the end all wait for the one renewal. A renewal that fails leaves the old ones in use to their end.
"""

import asyncio
from collections.abc import Mapping

from proxy.core.clock import Clock, SystemClock
from proxy.transport.aws_sources import (
    CredentialsError,
    Fetch,
    container_token,
    container_url,
    from_container,
    from_environment,
    from_imds,
    from_profile,
    from_web_identity,
    imds_origin,
    read_profile,
    read_text,
    sts_endpoint,
    web_identity,
)
from proxy.transport.base import Header, Timeouts, Transport, TransportError, UpstreamRequest
from proxy.transport.sigv4 import Credentials

EARLY_S = 15 * 60.0
LATE_S = 10 * 60.0
"""Both as AWS's SDKs have them."""
RETRY_S = 5.0
"""After a failure the sources are left alone for so long: a machine without credentials must not ask for them with every request."""
RETRY_WHILE_VALID_S = 60.0
_MAX_ANSWER = 256 * 1024


class AwsCredentials:
    """`environ`: the process's variables, as the settings read them. `region`: for STS, where web identity is used."""

    def __init__(self, environ: Mapping[str, str], fetch: Fetch, *, region: str, clock: Clock | None = None) -> None:
        self._environ = environ
        self._fetch = fetch
        self._region = region
        self._clock = clock or SystemClock()
        self._lock = asyncio.Lock()
        self._current: Credentials | None = None
        self._failure: str | None = None
        self._retry_at = float("-inf")
        self._asked_at = float("-inf")

    async def get(self) -> Credentials:
        """Raises CredentialsError where there are none that have not expired."""
        current = self._current
        left_s = self._left_s(current)
        if current is not None and (left_s > EARLY_S or (left_s > LATE_S and self._lock.locked())):
            return current
        async with self._lock:
            if self._left_s(self._current) <= EARLY_S and self._clock.monotonic() >= self._retry_at:
                await self._renew()
            if self._current is None or self._left_s(self._current) <= 0:
                raise CredentialsError(self._failure or "the AWS credentials have expired")
            return self._current

    def reject(self, credentials: Credentials) -> None:
        """AWS refused these as expired or unknown: the next `get` asks the sources again, if it is RETRY_S since they were asked."""
        if self._current == credentials and self._clock.monotonic() >= self._asked_at + RETRY_S:
            self._current = None
            self._retry_at = float("-inf")

    def _left_s(self, credentials: Credentials | None) -> float:
        if credentials is None:
            return float("-inf")
        return float("inf") if credentials.expires_at is None else credentials.expires_at - self._clock.time()

    async def _renew(self) -> None:
        self._asked_at = self._clock.monotonic()
        try:
            self._current = await self._search()
            self._failure = None
        except CredentialsError as exc:
            self._failure = str(exc)
        # Matters after a failure, and for credentials that were short-lived or the old ones once more.
        wait_s = max(RETRY_S, min(RETRY_WHILE_VALID_S, self._left_s(self._current) / 2))
        self._retry_at = self._clock.monotonic() + wait_s

    async def _search(self) -> Credentials:
        environ = self._environ
        found = from_environment(environ)
        if found is not None:
            return found
        profile = await asyncio.to_thread(read_profile, environ)
        identity = web_identity(environ, profile)
        if identity is not None:
            token = await asyncio.to_thread(read_text, identity.token_file)
            endpoint = sts_endpoint(environ, self._region)
            return await from_web_identity(self._fetch, identity, token, endpoint=endpoint, now=self._clock.time())
        found = from_profile(profile)
        if found is not None:
            return found
        url = container_url(environ)
        if url is not None:
            return await from_container(self._fetch, url, await asyncio.to_thread(container_token, environ))
        origin = imds_origin(environ)
        if origin is None:
            raise CredentialsError("no AWS credentials in the environment, the shared files or a container endpoint")
        return await from_imds(self._fetch, origin)


class TransportFetch:
    """Fetch by a Transport that uses no outbound proxy."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def __call__(self, method: str, url: str, headers: tuple[Header, ...], body: bytes, timeout_s: float) -> tuple[int, bytes]:
        timeouts = Timeouts(connect_s=timeout_s, headers_s=timeout_s, deadline=asyncio.get_running_loop().time() + timeout_s)
        request = UpstreamRequest(method=method, url=url, headers=headers, body=body, timeouts=timeouts, max_response_bytes=_MAX_ANSWER)
        try:
            response = await self._transport.send(request)
            try:
                return response.status, await response.read()
            finally:
                response.close()
        except (TransportError, ValueError) as exc:
            raise OSError(str(exc)) from exc


def bedrock_bearer_token(environ: Mapping[str, str]) -> str | None:
    """Amazon Bedrock's API key: sent as `Authorization: Bearer`, instead of a signature and before any other credentials."""
    return environ.get("AWS_BEARER_TOKEN_BEDROCK", "").strip() or None


_: type[Fetch] = TransportFetch
