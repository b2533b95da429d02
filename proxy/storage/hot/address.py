"""Where a Redis is and how to log in there, read from a URL.

    redis://[user[:password]@]host[:6379][/db]
    rediss://…[?ssl_ca_certs=FILE&ssl_cert_reqs=required|none&ssl_check_hostname=true|false&ssl_certfile=FILE&ssl_keyfile=FILE]
    redis+cluster://[user[:password]@]host:port[,host:port…]      rediss+cluster://… with the options of rediss
    unix://[user[:password]@]/path/to.sock[?db=N]

Written here because redis-py's `parse_url` costs the import of redis.asyncio: 0.6 s and 41 MB (redis 8.1, measured 2026-11-22).
Source: IANA registrations of `redis` and `rediss`, redis-py's documentation of `from_url`, read 2026-11-22.
"""

import ssl
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from proxy.storage.hot.slots import Endpoint

_TCP_SCHEMES = {"redis": False, "rediss": True}
CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
_TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_check_hostname", "ssl_cert_reqs", "ssl_keyfile")


class RedisAddress(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    """Of a Unix socket; host and port count for nothing then."""
    db: int = 0
    username: str | None = None
    password: str | None = None
    tls: bool = False
    options: tuple[tuple[str, str], ...] = ()
    """TLS options as given."""

    @property
    def label(self) -> str:
        """For logs and `/health`: no credentials."""
        if self.path is not None:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{host}:{self.port}/{self.db}"

    def __repr__(self) -> str:
        return f"RedisAddress({self.label!r})"

    def ssl_context(self) -> ssl.SSLContext | None:
        """None without TLS. Raises OSError (also ssl.SSLError) where a file cannot be read."""
        if not self.tls:
            return None
        options = dict(self.options)
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if options.get("ssl_check_hostname", "true").lower() in ("false", "no", "0"):
            context.check_hostname = False
        if options.get("ssl_cert_reqs", "required") == "none":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
        return context


class ClusterAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes by which a cluster is found; all others come from its map of slots and are reached in the same way."""

    seeds: tuple[Endpoint, ...]
    tls: bool = False
    login: str = ""
    """`user:password@` as it stood in the URL."""
    query: str = ""

    @property
    def label(self) -> str:
        """For logs and `/health`: no credentials."""
        nodes = ",".join(f"{_host(seed.host)}:{seed.port}" for seed in self.seeds)
        return f"{'rediss' if self.tls else 'redis'}+cluster://{nodes}"

    def __repr__(self) -> str:
        return f"ClusterAddress({self.label!r})"

    def node_url(self, node: Endpoint) -> str:
        """Of one node, for `parse_address`: with the credentials."""
        query = f"?{self.query}" if self.query else ""
        return f"{'rediss' if self.tls else 'redis'}://{self.login}{_host(node.host)}:{node.port}{query}"


def is_cluster(url: str) -> bool:
    return url.partition("://")[0].lower() in CLUSTER_SCHEMES


def parse_cluster(url: str) -> ClusterAddress:
    """`redis+cluster://[user[:password]@]host:port[,host:port…][?options]`. Raises ValueError as `parse_address`."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in CLUSTER_SCHEMES:
        raise ValueError("a Redis Cluster's URL begins with redis+cluster:// or rediss+cluster://")
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    if path.strip("/") not in ("", "0"):
        raise ValueError("a Redis Cluster has only database 0")
    login, at, nodes = authority.rpartition("@")
    tls = scheme.lower().startswith("rediss")
    address = ClusterAddress(seeds=(), tls=tls, login=login + at, query=query)
    seeds = []
    for node in nodes.split(","):
        parsed = parse_address(f"{'rediss' if tls else 'redis'}://{login}{at}{node}{'?' + query if query else ''}")
        if not node.strip():
            raise ValueError("a Redis Cluster's URL needs at least one host")
        seeds.append(Endpoint(parsed.host, parsed.port))
    return msgspec.structs.replace(address, seeds=tuple(dict.fromkeys(seeds)))


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def parse_address(url: str) -> RedisAddress:
    """Raises ValueError with a message that repeats no credentials."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    fields: dict[str, Any] = {
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
    }
    db = query.pop("db", "")
    if parts.scheme == "unix":
        if not parts.path:
            raise ValueError("a unix:// Redis URL needs the path of the socket")
        fields["path"] = unquote(parts.path)
    elif parts.scheme in _TCP_SCHEMES:
        fields["tls"] = _TCP_SCHEMES[parts.scheme]
        fields["host"] = unquote(parts.hostname or "localhost")
        fields["port"] = _port(parts)
        db = db or parts.path.strip("/")
    else:
        raise ValueError("a Redis URL begins with redis://, rediss:// or unix://")
    if db and not (db.isascii() and db.isdigit()):
        raise ValueError(f"the database of a Redis URL is a number, not {db!r}")
    options = _tls_options(query, tls=bool(fields.get("tls")))
    return RedisAddress(db=int(db or 0), options=options, **fields)


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"the port in Redis URL host {parts.netloc.rpartition('@')[2]!r} is not a number from 1 to 65535")
    return 6379 if port is None else port


def _tls_options(query: dict[str, str], *, tls: bool) -> tuple[tuple[str, str], ...]:
    known = _TLS_OPTIONS if tls else ()
    for name in query:
        if name not in known:
            raise ValueError(f"unknown option {name!r} in a Redis URL; known: {', '.join(('db', *known))}")
    if query.get("ssl_cert_reqs", "required") not in ("required", "none"):
        raise ValueError("ssl_cert_reqs in a Redis URL is required or none")
    return tuple(sorted(query.items()))
