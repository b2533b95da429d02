"""The cache key of a request (contract J).

The key is SHA-256 over one JSON array `[format, scope, dialect, route, model, route entry's digest, anthropic-version,
anthropic-beta, openai-beta, body]` with sorted keys. JSON frames the parts without ambiguity: strings are quoted and escaped, an absent
header is null and differs from an empty one. It costs less than length prefixes put together in Python.

Numbers compare as parsed: 0.7 and 0.700 are one double and one key; 1 and 1.0 are an integer and a double and two keys (some
providers answer them differently, and a miss is cheaper than a wrong hit). Order within arrays counts.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

KEY_FORMAT = 1

EXCLUDED = (
    "stream",
    "stream_options",
    "user",
    "safety_identifier",
    "metadata",
    "requestMetadata",
    "labels",
    "prompt_cache_key",
)
"""Top-level body fields that do not change what a model answers; all others count, known to us or not."""


def fingerprint(
    *,
    scope: str,
    dialect: str,
    route: str,
    model: str,
    route_digest: str,
    headers: Mapping[bytes, bytes],
    body: dict[str, Any],
) -> bytes:
    """32 bytes. `scope`: who shares answers (the tenant by default); `route`: its template; `route_digest`: of the model's route
    entry, so that a changed table misses; `headers`: lower-case names. `body` is left as it is."""
    kept = body
    if not _EXCLUDED.isdisjoint(body):
        kept = body.copy()
        for name in EXCLUDED:
            kept.pop(name, None)
    version = beta = openai_beta = None
    if not _VERSIONED.isdisjoint(headers):
        version, beta, openai_beta = [headers[name].decode("latin-1") if name in headers else None for name in _HEADERS]
    parts = (KEY_FORMAT, scope, dialect, route, model, route_digest, version, beta, openai_beta, kept)
    return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).digest()


_EXCLUDED = frozenset(EXCLUDED)
_HEADERS = (b"anthropic-version", b"anthropic-beta", b"openai-beta")
_VERSIONED = frozenset(_HEADERS)
