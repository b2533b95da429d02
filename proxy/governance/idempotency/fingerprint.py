"""What a request with an `Idempotency-Key` is: the key, and a digest of what it asks for."""

import hashlib

import msgspec

from proxy.core.context import RequestContext
from proxy.core.errors import BadRequest

HEADER = b"idempotency-key"
MAX_CHARS = 255


def checked(key: bytes) -> bytes:
    """Raises BadRequest."""
    if not key or len(key) > MAX_CHARS or not all(0x20 <= char < 0x7F for char in key):
        raise BadRequest(f"must be 1 to {MAX_CHARS} printable ASCII characters", param="idempotency-key")
    return key


def fingerprint(ctx: RequestContext) -> bytes:
    """Of the path, the form that Google's clients ask for in the query, and the whole parsed body, however it was written."""
    form = b",".join(part for part in ctx.query.split(b"&") if part.startswith(b"alt="))
    digest = hashlib.sha256(ctx.raw_path.encode("utf-8", "surrogatepass") + b"\0" + form + b"\0")
    digest.update(msgspec.json.encode(ctx.json, order="deterministic"))
    return digest.digest()
