"""A token taken apart, strictly, with nothing believed yet. No clock, no key, no socket.

Source: RFC 7515 (JWS) section 3.1 and 4.1, RFC 7519 (JWT) sections 4 and 7.2, RFC 8725 (best practices), read 2026-11-26. Stricter than
those in: names may stand once in an object, NaN and Infinity are no numbers, base64url has no other spelling than its one.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NoReturn

import msgspec

from proxy.governance.jwt.refusal import TokenRefused

MAX_TOKEN_CHARS = 8192
"""A token with some hundred groups; servers and load balancers stop headers at 8 to 16 KiB."""
MAX_SIGNATURE_BYTES = 1024
"""RSA with 8192 bits."""
_PART = re.compile(r"[A-Za-z0-9_-]+")
_BEGIN = "eyJ"
"""`{"` in base64url."""


class Compact(msgspec.Struct, frozen=True):
    """`signed`: the bytes that the signature is over."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def is_token(credential: str) -> bool:
    """Whether it is a token or was meant to be one: then nothing else looks at it, the record store least of all."""
    return credential.startswith(_BEGIN) and "." in credential


def parse(token: str) -> Compact:
    """Raises TokenRefused."""
    if len(token) > MAX_TOKEN_CHARS:
        raise TokenRefused(f"it is longer than {MAX_TOKEN_CHARS} characters")
    parts = token.split(".")
    if len(parts) == 5:
        raise TokenRefused("it is encrypted; signed tokens are taken")
    if len(parts) != 3:
        raise TokenRefused(f"it has {len(parts)} parts instead of three: was it cut?")
    header, payload, signature = parts
    if not signature:
        raise TokenRefused("it is not signed")
    signature_bytes = _decoded(signature)
    if len(signature_bytes) > MAX_SIGNATURE_BYTES:
        raise TokenRefused("its signature is longer than any algorithm's")
    return Compact(_object(header, "header"), _object(payload, "payload"), f"{header}.{payload}".encode(), signature_bytes)


def _decoded(part: str) -> bytes:
    if not _PART.fullmatch(part) or len(part) % 4 == 1:
        raise TokenRefused("it is not base64url: was it cut?")
    decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if urlsafe_b64encode(decoded).rstrip(b"=").decode() != part:
        raise TokenRefused("it is not base64url: was it cut?")
    return decoded


def _object(part: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(_decoded(part).decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise TokenRefused(f"its {name} is not JSON: was it cut?") from None
    if not isinstance(found, dict):
        raise TokenRefused(f"its {name} is no JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise TokenRefused("a name stands twice in an object, so it can be read in two ways")
    return found


def _no_number(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")
