"""AWS Signature Version 4 in the Authorization header, sans-IO: `sign` for requests to AWS, the parts of it for verifying others'.

Source: "Signature Version 4 signing process" (AWS IAM User Guide, "Create a signed AWS API request"), read 2026-11-25. Outside S3 the
path is encoded once more than it is on the wire: a model id's `:` is `%3A` in the URL and `%253A` in what is signed.
"""

import hashlib
import hmac
import time
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

import msgspec

from proxy.transport.base import Header
from proxy.transport.wire import parse_url

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
UNSIGNED_HEADERS = frozenset(
    [
        *(b"baggage", b"connection", b"expect", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"traceparent"),
        *(b"tracestate", b"trailer", b"transfer-encoding", b"upgrade", b"user-agent", b"x-amzn-trace-id"),
    ]
)
"""Left out of signatures, since proxies change them; the list is AWS's own SDKs'."""
_OURS = frozenset({b"authorization", b"x-amz-date", b"x-amz-content-sha256", b"x-amz-security-token"})


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    access_key: str
    secret_key: str
    session_token: str | None = None
    expires_at: float | None = None
    """Unix seconds; None: they do not expire."""

    def __repr__(self) -> str:
        return f"Credentials(access_key={self.access_key!r}, expires_at={self.expires_at!r})"


class Scope(msgspec.Struct, frozen=True):
    """`20261125/us-east-1/bedrock/aws4_request`: what a signing key is derived for."""

    date: str
    """YYYYMMDD."""
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def sign(
    method: str,
    url: str,
    headers: Iterable[Header],
    body: bytes,
    credentials: Credentials,
    *,
    region: str,
    service: str,
    now: float,
    content_sha256: bool = False,
) -> tuple[Header, ...]:
    """Headers to add to a request: x-amz-date, x-amz-security-token for temporary credentials, x-amz-content-sha256 where asked, and
    Authorization. Every header given is signed but UNSIGNED_HEADERS; the transport's Host is too. `now`: Unix seconds.

    ValueError: a URL the transport would refuse, or headers that hold one of those this adds.
    """
    given = [(name.lower(), value) for name, value in headers]
    if taken := _OURS.intersection(name for name, _ in given):
        raise ValueError(f"{sorted(taken)[0].decode()} is written by the signer")
    stamp = timestamp(now)
    payload_hash = sha256_hex(body)
    added: list[Header] = [(b"x-amz-date", stamp.encode())]
    if content_sha256:
        added.append((b"x-amz-content-sha256", payload_hash.encode()))
    if credentials.session_token is not None:
        added.append((b"x-amz-security-token", credentials.session_token.encode()))
    signed = [(name, value) for name, value in given if name not in UNSIGNED_HEADERS and name != b"host"]
    signed += [(b"host", authority(url)), *added]
    parts = urlsplit(url)
    path = canonical_path(without_dots(parts.path).encode())
    request = canonical_request(method, path, canonical_query(parts.query.encode()), signed, payload_hash)
    scope = Scope(stamp[:8], region, service)
    value = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={signed_names(signed)}, "
        f"Signature={signature(credentials.secret_key, stamp, scope, request)}"
    )
    return (*added, (b"authorization", value.encode()))


def timestamp(now: float) -> str:
    """`20261125T165650Z`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def authority(url: str) -> bytes:
    """The Host header that the transport sends for a URL: lower case, without a default port."""
    origin = parse_url(url).origin
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    default = 443 if origin.scheme == "https" else 80
    return (host if origin.port == default else f"{host}:{origin.port}").encode()


def without_dots(path: str) -> str:
    """Dot segments resolved and empty ones removed, as AWS's SDKs do before they sign (never on the wire)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def canonical_path(path: bytes) -> str:
    """A path as it is on the wire, encoded once more: every `%` becomes `%25`."""
    return quote(path or b"/", safe="/~")


def canonical_query(query: bytes) -> str:
    """Pairs as they are on the wire, sorted by name and then value; a name alone gets its `=`."""
    if not query:
        return ""
    pairs = [pair.partition("=") for pair in query.decode("latin-1").split("&")]
    return "&".join(f"{name}={value}" for name, value in sorted((name, value) for name, _, value in pairs))


def signed_names(headers: Iterable[Header]) -> str:
    """`content-type;host;x-amz-date`; names lower case."""
    return ";".join(sorted({name.decode("latin-1") for name, _ in headers}))


def canonical_request(method: str, path: str, query: str, headers: Iterable[Header], payload_hash: str) -> bytes:
    """`path` and `query` canonical, `headers` those to sign, names lower case. Values of one name are joined in their order."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(b" ".join(value.split()))
    lines = b"".join(b"%b:%b\n" % (name, b",".join(values[name])) for name in sorted(values))
    head = f"{method}\n{path}\n{query}\n".encode("latin-1")
    return head + lines + b"\n" + b";".join(sorted(values)) + b"\n" + payload_hash.encode("latin-1")


def signature(secret_key: str, stamp: str, scope: Scope, request: bytes) -> str:
    """The 64 hex digits for a canonical request."""
    to_sign = f"{ALGORITHM}\n{stamp}\n{scope}\n{sha256_hex(request)}"
    key = f"AWS4{secret_key}".encode()
    for part in (scope.date, scope.region, scope.service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
