"""The common part of providers that are reached over HTTP with a static credential header."""

from collections.abc import Collection, Mapping
from typing import Any

from proxy.core.version import __version__
from proxy.providers.base import Outgoing
from proxy.providers.key_pool import Credential, KeyPool
from proxy.transport.base import Header, Transport, UpstreamRequest

USER_AGENT = f"llm-edge/{__version__}".encode()
_JSON = (b"content-type", b"application/json")


class HttpProvider:
    """Headers that never change are built once for each credential and kind of answer."""

    kind = ""
    dialect = ""
    paths: Mapping[str, str] = {}
    """Dialect → where its endpoint is, below `base_url`."""
    count_paths: Mapping[str, str] = {}
    """Dialect → where its token counting endpoint is, below `base_url`."""
    passed_headers: tuple[bytes, ...] = ()
    """Client headers that reach the provider (contract K: an allow-list)."""
    passed_query: tuple[bytes, ...] = ()
    stream_accept = b"text/event-stream"
    model_prefix = ""

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        keys: KeyPool,
        transport: Transport,
        extra_headers: tuple[tuple[str, str], ...] = (),
        free: bool = False,
        api_version: str | None = None,
        models: tuple[str, ...] = (),
        dialects: Collection[str] = (),
    ) -> None:
        """`dialects`: fewer than the kind's own, where an upstream does not offer all of them."""
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.keys = keys
        self.transport = transport
        self.free = free
        self.api_version = api_version
        self.models = models
        own = tuple(self.paths) or (self.dialect,)
        self.dialects = frozenset(dialects).intersection(own) or frozenset(own)
        if self.dialect not in self.dialects:
            self.dialect = next(name for name in own if name in self.dialects)
        self.counting = next((name for name in self.count_paths if name in self.dialects), None)
        self._passes = frozenset(self.passed_headers)
        self._urls = {dialect: self.base_url + path for dialect, path in self.paths.items()}
        """Of each dialect the same object for all calls, whose hash is known."""
        self._extra: tuple[Header, ...] = tuple((k.lower().encode("ascii"), v.encode("latin-1")) for k, v in extra_headers)
        self._built: dict[tuple[int, bool], tuple[Header, ...]] = {}

    def credential_headers(self, key: Credential) -> tuple[Header, ...]:
        raise TypeError("a provider defines its credential")

    def url(self, call: Outgoing) -> str:
        url = self._urls[call.dialect]
        return self._with_query(url, call.query) if call.query and self.passed_query else url

    def count_url(self, model: str, query: bytes) -> str:
        if self.counting is None:
            raise TypeError("this provider counts no tokens")
        return self._with_query(self.base_url + self.count_paths[self.counting], query)

    def _with_query(self, url: str, query: bytes) -> str:
        kept = b"&".join(p for p in query.split(b"&") if p.partition(b"=")[0] in self.passed_query)
        return f"{url}?{kept.decode('ascii', 'replace')}" if kept else url

    def request(self, call: Outgoing, key: Credential) -> UpstreamRequest:
        headers = self._built.get((key.index, call.stream))
        if headers is None:
            headers = self._built[key.index, call.stream] = self._static(key, call.stream)
        given = call.headers
        if not self._passes.isdisjoint(given):
            passed = [(name, given[name]) for name in self.passed_headers if name in given]
            named = {name for name, _ in passed}
            headers = (*(h for h in headers if h[0] not in named), *passed)
        return UpstreamRequest(
            method="POST",
            url=self.url(call),
            headers=headers,
            body=call.body,
            timeouts=call.timeouts,
            max_response_bytes=call.max_response_bytes,
        )

    def amend(self, body: dict[str, Any], dialect: str) -> tuple[str, ...] | None:
        """Nothing by default."""
        return None

    async def aclose(self) -> None:
        await self.transport.aclose()

    def _static(self, key: Credential, stream: bool) -> tuple[Header, ...]:
        accept = self.stream_accept if stream else b"application/json"
        base = (_JSON, (b"accept", accept), (b"user-agent", USER_AGENT), *self.default_headers())
        own = {name for name, _ in self._extra}
        return (*(h for h in (*base, *(self.credential_headers(key) if key.secret else ())) if h[0] not in own), *self._extra)

    def default_headers(self) -> tuple[Header, ...]:
        return ()
