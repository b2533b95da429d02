"""Shapes of gateway keys and the arithmetic behind them; no look-up, no clock.

A signed key is `{key_id}.{hex HMAC-SHA256(secret, key_id)}`: 64 lower-case hex digits after the one dot. `key_id` is URL-safe and has
no dot; ours begin with `lek_`, keys of older systems are bare 22-character ids and verify just as well. Agent keys are opaque: `csa_`
and 43 URL-safe characters, found by their SHA-256.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Literal

KEY_ID_PREFIX = "lek_"
AGENT_KEY_PREFIX = "csa_"
SECRET_VERSION = 1
"""Number of the signing secret in use, as access key ids name it."""
MAX_KEY_CHARS = 4096
"""Longer credentials are nothing of ours (a JWT with many groups stays below)."""

KeyShape = Literal["signed", "jwt", "opaque"]

_SIGNED = re.compile(r"([A-Za-z0-9_-]{1,128})\.([0-9a-f]{64})")
_AGENT_KEY = re.compile(r"csa_[A-Za-z0-9_-]{43}")
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def new_key_id(random: bytes | None = None) -> str:
    """`lek_` and 22 URL-safe characters (128 random bits). `random`: 16 bytes or more to take instead of random ones."""
    return KEY_ID_PREFIX + base64.urlsafe_b64encode((random or secrets.token_bytes(16))[:16]).decode().rstrip("=")


def new_agent_key(random: bytes | None = None) -> tuple[str, str]:
    """A key id (`key_` and 16 hex digits) and the key, which nothing but the key itself tells. `random`: 40 bytes to take instead of
    random ones."""
    random = random or secrets.token_bytes(40)
    return f"key_{random[:8].hex()}", AGENT_KEY_PREFIX + base64.urlsafe_b64encode(random[8:40]).decode().rstrip("=")


def is_agent_key(key: str) -> bool:
    return _AGENT_KEY.fullmatch(key) is not None


def new_secret() -> str:
    """A signing secret: 64 hex digits (256 random bits)."""
    return secrets.token_hex(32)


def sign(secret: bytes, key_id: str) -> str:
    """The signature's 64 hex digits."""
    return hmac.digest(secret, key_id.encode(), "sha256").hex()


def signed_key(secret: bytes, key_id: str) -> str:
    return f"{key_id}.{sign(secret, key_id)}"


def verify(secret: bytes, key: str) -> str | None:
    """The key id when the signature is right, in constant time; None otherwise. Says nothing of revocation."""
    match = _SIGNED.fullmatch(key)
    if match is None:
        return None
    key_id, signature = match.groups()
    return key_id if hmac.compare_digest(sign(secret, key_id), signature) else None


def new_access_key_id(version: int) -> str:
    """`LEK1K` and 24 base32 characters (120 random bits)."""
    return f"LEK{version}K{base64.b32encode(secrets.token_bytes(15)).decode()}"


def secret_access_key(signing_secret: bytes, access_key_id: str) -> str:
    """44 characters of base64."""
    return base64.b64encode(hmac.digest(signing_secret, access_key_id.encode(), "sha256")).decode()


def sha256_hex(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def is_sha256(text: str) -> bool:
    """Whether a configured key is a digest and not the key itself."""
    return _DIGEST.fullmatch(text) is not None


def shape_of(key: str) -> KeyShape:
    """Which verifier a credential belongs to: records, an issuer, or the configured static keys."""
    if _SIGNED.fullmatch(key):
        return "signed"
    return "jwt" if _JWT.fullmatch(key) else "opaque"
