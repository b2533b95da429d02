"""A transport that signs what it sends with AWS Signature Version 4."""

import msgspec

from proxy.core.clock import Clock
from proxy.transport.aws_credentials import AwsCredentials
from proxy.transport.aws_sources import CredentialsError
from proxy.transport.base import Transport, TransportError, TransportStats, UpstreamRequest, UpstreamResponse
from proxy.transport.sigv4 import sign


class SigningTransport:
    """Credentials that AWS refuses (403) are asked for anew before the next request."""

    def __init__(self, inner: Transport, credentials: AwsCredentials, *, region: str, service: str, clock: Clock) -> None:
        self._inner = inner
        self._credentials = credentials
        self._region = region
        self._service = service
        self._clock = clock

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """A machine without credentials is a connection that could not be opened: nothing was sent."""
        try:
            credentials = await self._credentials.get()
        except CredentialsError as exc:
            raise TransportError(f"no AWS credentials: {exc}", phase="connect", sent=False) from exc
        added = sign(
            request.method,
            request.url,
            request.headers,
            request.body,
            credentials,
            region=self._region,
            service=self._service,
            now=self._clock.time(),
        )
        response = await self._inner.send(msgspec.structs.replace(request, headers=(*request.headers, *added)))
        if response.status == 403:
            self._credentials.reject(credentials)
        return response

    def stats(self) -> TransportStats:
        return self._inner.stats()

    async def aclose(self) -> None:
        await self._inner.aclose()


_: type[Transport] = SigningTransport
