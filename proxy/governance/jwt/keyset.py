"""An issuer's public keys, from the bytes of its JWKS.

Source: RFC 7517 (JWK) sections 4 and 5, RFC 7518 (JWA) section 3 and 6, RFC 8037 (OKP), read 2026-11-26. What is not for verifying
signatures is passed over, as section 5 of RFC 7517 asks: a symmetric key, a key for encryption, a curve of which nothing is known.
Signatures and keys are PyJWT's (on `cryptography`); it is imported when the first key is read, 150 ms.
"""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

MAX_JWKS_BYTES = 256 * 1024
MAX_KEYS = 100
MIN_RSA_BITS = 2048
"""RFC 7518 section 3.3."""
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_FITTING: dict[tuple[str, str | None], tuple[str, ...]] = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
    ("OKP", "Ed448"): ("EdDSA",),
}
"""Which algorithms a key may be used with, whatever a token says."""
_LIBRARY_S = {"Ed25519": "EdDSA"}
"""RFC 9864 names the curve; PyJWT knows it by the older name."""
_PUBLIC = frozenset({"kty", "crv", "n", "e", "x", "y"})


class PublicKey(msgspec.Struct, frozen=True, eq=False):
    kid: str | None
    algorithms: tuple[str, ...]
    material: str
    """Its public members, by which two sets are compared."""
    key: Any

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """False too where the algorithm is not one of the key's."""
        if algorithm not in self.algorithms:
            return False
        return bool(_implementation(algorithm).verify(signed, self.key, signature))


class KeySet:
    def __init__(self, keys: Iterable[PublicKey] = ()) -> None:
        self.keys = tuple(keys)
        self._by_kid: dict[str, list[PublicKey]] = {}
        for key in self.keys:
            if key.kid is not None:
                self._by_kid.setdefault(key.kid, []).append(key)

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, kid: str | None, algorithm: str) -> tuple[PublicKey, ...]:
        """Those that may have signed it. A token that names no key may be of any that fits its algorithm, if that is one."""
        if kid is None:
            fitting = tuple(key for key in self.keys if algorithm in key.algorithms)
            return fitting if len(fitting) == 1 else ()
        return tuple(key for key in self._by_kid.get(kid, ()) if algorithm in key.algorithms)

    def knows(self, kid: str | None) -> bool:
        return kid in self._by_kid if kid is not None else bool(self.keys)

    def lacks(self, other: "KeySet") -> bool:
        """Whether a key of the other's is not among these any more."""
        mine = {(key.kid, key.material) for key in self.keys}
        return any((key.kid, key.material) not in mine for key in other.keys)


def parse_jwks(body: bytes) -> KeySet:
    """Raises ValueError where it is no JWKS, or holds no key that could verify anything."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the key set is not JSON") from None
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list):
        raise ValueError("the key set has no list `keys`")
    usable = [key for item in keys[:MAX_KEYS] if isinstance(item, dict) and (key := _key(item)) is not None]
    if not usable:
        raise ValueError("the key set holds no public key for signatures")
    return KeySet(usable)


def _implementation(algorithm: str) -> Any:
    return _library()[_LIBRARY_S.get(algorithm, algorithm)]


@cache
def _library() -> dict[str, Any]:
    from jwt.algorithms import get_default_algorithms

    return dict(get_default_algorithms())


def _key(jwk: dict[str, Any]) -> PublicKey | None:
    curve, operations, algorithm, kid = jwk.get("crv"), jwk.get("key_ops"), jwk.get("alg"), jwk.get("kid")
    if jwk.get("use", "sig") != "sig" or (isinstance(operations, list) and "verify" not in operations):
        return None
    if not (kid is None or isinstance(kid, str)) or not (curve is None or isinstance(curve, str)):
        return None
    algorithms = _FITTING.get((str(jwk.get("kty")), curve), ())
    if algorithm is not None:
        algorithms = tuple(name for name in algorithms if name == algorithm)
    if not algorithms:
        return None
    public = {name: jwk[name] for name in sorted(_PUBLIC) if name in jwk}
    from jwt import PyJWTError

    try:
        key = _implementation(algorithms[0]).from_jwk(public)
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    if getattr(key, "key_size", MIN_RSA_BITS) < MIN_RSA_BITS and jwk.get("kty") == "RSA":
        return None
    return PublicKey(kid, algorithms, json.dumps(public, sort_keys=True), key)
