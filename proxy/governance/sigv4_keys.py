"""Requests signed with access keys of the gateway's own, as boto3 and other AWS SDKs sign them; no look-up, no clock.

An access key id is `LEK{version}K` and 24 characters; its secret access key is base64(HMAC-SHA256(signing secret of that version, id)):
derived where it is needed, stored nowhere. A signature is judged before any record is looked up, so guessing never reaches the store;
whether the key is live is for the records to say. Errors carry the names that AWS's SDKs know.

Source: as proxy/transport/sigv4.py; "Common Errors" of the Amazon Bedrock API Reference, read 2026-11-25.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from proxy.core.errors import ClientFault
from proxy.core.keys import secret_access_key
from proxy.transport.base import Header
from proxy.transport.sigv4 import ALGORITHM, TERMINATOR, Scope, canonical_path, canonical_query, canonical_request, sha256_hex, signature

SKEW_S = 300.0
SERVICE = "bedrock"
MAX_AUTHORIZATION_BYTES = 4096
_ID = re.compile(r"LEK([1-9][0-9]{0,5})K[A-Z2-7]{24}")
_CREDENTIAL = re.compile(r"([A-Za-z0-9_]{1,128})/([0-9]{8})/([a-z0-9-]{1,64})/([a-z0-9-]{1,64})/([a-z0-9_]{1,16})")
_SIGNED_HEADERS = re.compile(r"[!#-'*+.0-9^_`a-z|~-]+(;[!#-'*+.0-9^_`a-z|~-]+)*")
_HEX = re.compile(r"[0-9a-f]{64}")
_STAMP = re.compile(rb"[0-9]{8}T[0-9]{6}Z")
_PART = re.compile(r"(Credential|SignedHeaders|Signature)=(\S+)")
_ADDED_ON_THE_WAY = frozenset({b"x-amz-cf-id"})
"""CloudFront's: the one x-amz header that comes to a server without the client having sent it."""


class SignatureFault(ClientFault):
    """403. The type is AWS's name too: it is what `x-amzn-ErrorType` shows, and so what boto3 raises."""

    status = 403

    def __init__(self, message: str) -> None:
        super().__init__(message, type=self.code)


class UnrecognizedClient(SignatureFault):
    """The access key is not one of ours, or of a signing secret that is no longer in use."""

    code = "UnrecognizedClientException"


class InvalidSignature(SignatureFault):
    """The request is not what the holder of the key signed, or was signed more than SKEW_S ago or ahead."""

    code = "InvalidSignatureException"


class IncompleteSignature(SignatureFault):
    """The Authorization header, or what it needs beside it, is not well-formed."""

    code = "IncompleteSignatureException"


class ExpiredToken(SignatureFault):
    """The signature is right and the key's record has expired: for whoever looks up the record."""

    code = "ExpiredTokenException"


class Verified(msgspec.Struct, frozen=True):
    """The signature is right. Says nothing of revocation."""

    access_key_id: str
    version: int
    """Of the signing secret."""
    region: str
    """As the client signed it; nothing depends on it."""


class _Claim(msgspec.Struct, frozen=True):
    """An Authorization header, taken apart."""

    access_key_id: str
    scope: Scope
    terminator: str
    signed: tuple[bytes, ...]
    signature: str


def version_of(access_key_id: str) -> int | None:
    """The number of its signing secret; None: not an access key id of ours."""
    match = _ID.fullmatch(access_key_id)
    return int(match[1]) if match else None


def is_signed(authorization: bytes) -> bool:
    """Whether an Authorization header is for `verify`, and not a bearer token."""
    return authorization.startswith(ALGORITHM.encode())


def verify(
    method: str,
    raw_path: bytes,
    query: bytes,
    headers: Sequence[Header],
    body: bytes,
    *,
    now: float,
    secrets_by_version: Mapping[int, bytes],
    hosts: frozenset[str] = frozenset(),
) -> Verified:
    """`raw_path` and `query` as they came, prefix and percent-encoding included; `headers` as they came, names lower case; `body` as it
    came, before any Content-Encoding was undone; `now` in Unix seconds. `hosts`: names (or name:port, lower case) by which clients reach
    the gateway; a request whose own Host is none of them, since a proxy rewrote it, may be signed for any; empty: its own Host holds.

    Raises UnrecognizedClient, InvalidSignature, IncompleteSignature.
    """
    claim = _parse(_single(headers, b"authorization"))
    version = version_of(claim.access_key_id)
    signing_secret = secrets_by_version.get(version) if version is not None else None
    if version is None or signing_secret is None or any(name == b"x-amz-security-token" for name, _ in headers):
        raise UnrecognizedClient("The security token included in the request is invalid.")
    stamp = _judge_scope(claim, _single(headers, b"x-amz-date"), now)
    _judge_signed_headers(claim.signed, headers)
    payload_hash = _payload_hash(headers, body)
    path, canonical = canonical_path(raw_path), canonical_query(query)
    secret = secret_access_key(signing_secret, claim.access_key_id)
    signed = [(name, value) for name, value in headers if name in claim.signed and name != b"host"]
    right = False
    for host in _hosts(_single(headers, b"host"), hosts):
        request = canonical_request(method, path, canonical, [*signed, (b"host", host)], payload_hash)
        right |= hmac.compare_digest(signature(secret, stamp, claim.scope, request), claim.signature)
    if not right:
        raise InvalidSignature(
            "The request signature we calculated does not match the signature you provided. Check your secret access key, your signing "
            "method, and that no proxy changes the path or the Host header."
        )
    return Verified(claim.access_key_id, version, claim.scope.region)


def _parse(authorization: bytes) -> _Claim:
    if len(authorization) > MAX_AUTHORIZATION_BYTES:
        raise IncompleteSignature(f"The Authorization header is longer than {MAX_AUTHORIZATION_BYTES} bytes.")
    algorithm, _, rest = authorization.decode("latin-1").partition(" ")
    if algorithm != ALGORITHM:
        raise IncompleteSignature(f"Only {ALGORITHM} in the Authorization header is supported.")
    matches = [_PART.fullmatch(part.strip(" ")) for part in rest.split(",")]
    parts = {match[1]: match[2] for match in matches if match is not None}
    if len(matches) != 3 or len(parts) != 3:
        raise IncompleteSignature("Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters, once each.")
    credential = _CREDENTIAL.fullmatch(parts["Credential"])
    if credential is None:
        raise IncompleteSignature("The Credential of the Authorization header is not KEY/YYYYMMDD/REGION/SERVICE/aws4_request.")
    if not _SIGNED_HEADERS.fullmatch(parts["SignedHeaders"]) or not _HEX.fullmatch(parts["Signature"]):
        raise IncompleteSignature("The SignedHeaders or the Signature of the Authorization header is not well-formed.")
    key, date, region, service, terminator = credential.groups()
    signed = tuple(parts["SignedHeaders"].encode().split(b";"))
    return _Claim(key, Scope(date, region, service), terminator, signed, parts["Signature"])


def _judge_scope(claim: _Claim, stamp: bytes, now: float) -> str:
    """The time stamp, found to be within SKEW_S of `now` and in accord with the scope."""
    if not _STAMP.fullmatch(stamp):
        raise IncompleteSignature("X-Amz-Date must be in ISO8601 basic format: 20261125T165650Z.")
    text = stamp.decode()
    try:
        day, clock = (int(text[:4]), int(text[4:6]), int(text[6:8])), (int(text[9:11]), int(text[11:13]), int(text[13:15]))
        when = datetime(*day, *clock, tzinfo=UTC).timestamp()
    except ValueError:
        raise IncompleteSignature("X-Amz-Date is not a date.") from None
    scope = claim.scope
    if (scope.service, claim.terminator) != (SERVICE, TERMINATOR):
        raise InvalidSignature(f"Credential should be scoped to correct service: '{SERVICE}', and end in '{TERMINATOR}'.")
    if scope.date != text[:8]:
        raise InvalidSignature(f"Date in Credential scope does not match YYYYMMDD from X-Amz-Date: {scope.date} != {text[:8]}.")
    if when < now - SKEW_S:
        raise InvalidSignature(f"Signature expired: {text} is more than {SKEW_S:.0f} s ago.")
    if when > now + SKEW_S:
        raise InvalidSignature(f"Signature not yet current: {text} is more than {SKEW_S:.0f} s ahead.")
    return text


def _judge_signed_headers(signed: tuple[bytes, ...], headers: Sequence[Header]) -> None:
    """Sorted, each there; Host, X-Amz-Date and every other x-amz header among them, so that nothing of it can be changed or added."""
    if list(signed) != sorted(set(signed)):
        raise IncompleteSignature("SignedHeaders must be sorted and without repetition.")
    present = {name for name, _ in headers}
    needed = {name for name in present if name.startswith(b"x-amz-")} - _ADDED_ON_THE_WAY
    lacking = ({b"host", b"x-amz-date"} | needed).difference(signed)
    if lacking:
        names = ", ".join(sorted(name.decode("latin-1") for name in lacking))
        raise InvalidSignature(f"Headers that must be signed are not: {names}.")
    if absent := set(signed) - present:
        raise InvalidSignature(f"Signed headers did not arrive: {', '.join(sorted(name.decode() for name in absent))}.")


def _payload_hash(headers: Sequence[Header], body: bytes) -> str:
    digest = sha256_hex(body)
    if any(name == b"x-amz-content-sha256" for name, _ in headers):
        said = _single(headers, b"x-amz-content-sha256")
        if not _HEX.fullmatch(said.decode("latin-1")):
            raise InvalidSignature("X-Amz-Content-SHA256 must be the hash of the body: unsigned and streaming payloads are refused.")
        if not hmac.compare_digest(said, digest.encode()):
            raise InvalidSignature("The hash in X-Amz-Content-SHA256 is not that of the body.")
    return digest


def _hosts(own: bytes, hosts: frozenset[str]) -> list[bytes]:
    name = own.decode("latin-1").lower()
    if not hosts or name in hosts or re.sub(r":[0-9]+$", "", name) in hosts:
        return [own]
    return [host.encode("latin-1", "replace") for host in sorted(hosts)]


def _single(headers: Sequence[Header], name: bytes) -> bytes:
    found = [value for key, value in headers if key == name]
    if len(found) != 1:
        raise IncompleteSignature(f"The request needs exactly one {name.decode()} header.")
    return found[0]
