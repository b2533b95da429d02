"""Settings into a transport. Optional packages are looked for here, so that a missing one is an error at start-up."""

import importlib.util
from typing import Literal

from proxy.transport.base import Transport
from proxy.transport.http1 import KEEPALIVE_S, MAX_CONNECTIONS, Http1Transport
from proxy.transport.tls import client_context, system_context

Kind = Literal["http1", "httpx"]


def make_transport(
    kind: Kind,
    *,
    verify: bool = True,
    ca_file: str | None = None,
    client_cert: str | None = None,
    client_key: str | None = None,
    proxy: str | None = None,
    http2: bool = False,
    max_connections: int | None = None,
    keepalive_s: float = KEEPALIVE_S,
) -> Transport:
    """`proxy`: URL of an outbound proxy (http, https, socks5). `max_connections`: to each origin (http1), altogether (httpx).

    ValueError: a combination or file that cannot work; the message names the extra to install where that would help.
    """
    limit = MAX_CONNECTIONS if max_connections is None else max_connections
    own = kind == "httpx" or not verify or ca_file is not None or client_cert is not None
    tls = client_context(verify=verify, ca_file=ca_file, client_cert=client_cert, client_key=client_key) if own else system_context()
    if kind == "http1":
        if proxy is not None or http2:
            raise ValueError("outbound proxies and HTTP/2 need `transport: httpx`")
        return Http1Transport(tls=tls, max_connections=limit, keepalive_s=keepalive_s)
    if http2:
        _need("h2", "http2")
    if proxy is not None and proxy.startswith("socks"):
        _need("socksio", "socks")
    # Imported here: a gateway on http1 alone need not spend httpx2's time and memory.
    from proxy.transport.httpx import HttpxTransport

    return HttpxTransport(tls=tls, proxy=proxy, http2=http2, max_connections=limit, keepalive_s=keepalive_s)


def _need(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ValueError(f"the package {module} is not installed: pip install 'llm-edge[{extra}]'")
