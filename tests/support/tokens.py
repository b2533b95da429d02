"""Issuers of JSON web tokens: their keys, tokens with any flaw one likes, and one that serves its keys over HTTP."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt import get_algorithm_by_name

from tests.support.upstream import Call, Upstream

AUDIENCE = "https://edge.example/api"
Claims = dict[str, Any]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _make(algorithm: str) -> Any:
    if algorithm.startswith("ES"):
        return ec.generate_private_key({"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}[algorithm])
    return ed25519.Ed25519PrivateKey.generate() if algorithm == "EdDSA" else rsa.generate_private_key(public_exponent=65537, key_size=2048)


class SigningKey:
    """A private key with its name."""

    def __init__(self, kid: str, algorithm: str = "RS256", private: Any = None) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.private = private or _make(algorithm)

    def jwk(self, *, private: bool = False) -> Claims:
        kind = get_algorithm_by_name(self.algorithm)
        found: Claims = kind.to_jwk(self.private if private else self.private.public_key(), as_dict=True)
        return {**{k: v for k, v in found.items() if k != "key_ops"}, "kid": self.kid, "use": "sig", "alg": self.algorithm}

    def pem(self) -> bytes:
        return bytes(self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def signature(self, signed: bytes) -> bytes:
        return get_algorithm_by_name(self.algorithm).sign(signed, self.private)

    def token(self, claims: Claims | str, **header: Any) -> str:
        """`claims`: an object, or JSON as it is to stand there. A header field given as None is left out."""
        fields = {"alg": self.algorithm, "kid": self.kid, "typ": "at+jwt", **header}
        head = json.dumps({name: value for name, value in fields.items() if value is not None})
        return self.signed(head, claims if isinstance(claims, str) else json.dumps(claims))

    def signed(self, header: str, payload: str) -> str:
        signed = f"{b64(header.encode())}.{b64(payload.encode())}"
        return f"{signed}.{b64(self.signature(signed.encode()))}"


def good_claims(issuer: str, **more: Any) -> Claims:
    """A claim given as None is left out."""
    now = time.time()
    claims = {"iss": issuer, "sub": "ada", "aud": AUDIENCE, "iat": int(now), "exp": int(now) + 600, **more}
    return {name: value for name, value in claims.items() if value is not None}


def unsigned(claims: Claims, algorithm: str = "none", signature: str = "") -> str:
    return f"{b64(json.dumps({'alg': algorithm, 'typ': 'JWT'}).encode())}.{b64(json.dumps(claims).encode())}.{signature}"


def hs256(key: bytes, kid: str, claims: Claims) -> str:
    signed = f"{b64(json.dumps({'alg': 'HS256', 'kid': kid, 'typ': 'JWT'}).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


@cache
def _thief() -> SigningKey:
    return SigningKey("thief", "RS256")


def attacks(key: SigningKey, issuer: str, **claims: Any) -> dict[str, str]:
    """Tokens that must be refused, by what is wrong with them. `key`: the issuer's own; `claims`: what good tokens have besides."""
    now, good = time.time(), good_claims(issuer, **claims)
    thief = _thief()
    own, mine = key.token(good), thief.jwk()
    head, payload, signature = own.split(".")
    changed = b64(json.dumps({**good, "sub": "root"}).encode())
    twice = json.dumps(good)[:-1] + ', "aud": "other", "aud": "' + AUDIENCE + '"}'
    x5u = "http://127.0.0.1:9/c"
    return {
        "alg none": unsigned(good),
        "alg None with a signature": unsigned(good, "nOnE", signature),
        "HS256 with the public key": hs256(key.pem(), key.kid, good),
        "HS256 with the JWK as key": hs256(json.dumps(key.jwk()).encode(), key.kid, good),
        "wrong iss": key.token({**good, "iss": issuer + "/"}),
        "no iss": key.token({k: v for k, v in good.items() if k != "iss"}),
        "wrong aud": key.token({**good, "aud": "https://another.example"}),
        "no aud": key.token({k: v for k, v in good.items() if k != "aud"}),
        "expired": key.token({**good, "exp": int(now) - 3600}),
        "no exp": key.token({k: v for k, v in good.items() if k != "exp"}),
        "exp that is no number": key.token({**good, "exp": "2099-01-01"}),
        "exp that is Infinity": key.token(json.dumps({**good, "exp": float("inf")})),
        "nbf in the future": key.token({**good, "nbf": int(now) + 3600}),
        "iat in the future": key.token({**good, "iat": int(now) + 3600, "exp": int(now) + 7200}),
        "claims changed": f"{head}.{changed}.{signature}",
        "signature of another token": f"{head}.{payload}.{key.token({**good, 'sub': 'eve'}).rpartition('.')[2]}",
        "signature of another key": thief.token(good, kid=key.kid),
        "unknown kid": thief.token(good),
        "no kid, another key": thief.token(good, kid=None),
        "embedded jwk": thief.token(good, kid=None, jwk=mine),
        "embedded jwk under the issuer's kid": thief.token(good, kid=key.kid, jwk=mine),
        "jku": thief.token(good, jku="http://127.0.0.1:9/jwks"),
        "x5u and x5c": thief.token(good, x5u=x5u, x5c=[b64(thief.pem())]),
        "crit": key.token(good, crit=["exp"], exp=int(now) + 600),
        "b64 false": key.token(good, b64=False, crit=["b64"]),
        "compressed": key.token(good, zip="DEF"),
        "wrong typ": key.token(good, typ="logout+jwt"),
        "typ that is no string": key.token(good, typ=["JWT"]),
        "kid that is no string": key.token(good, kid={"a": 1}),
        "kid as a path": thief.token(good, kid="../../../../dev/null"),
        "duplicate claims": key.token(twice),
        "duplicate header": key.signed(f'{{"alg":"none","alg":"{key.algorithm}","kid":"{key.kid}"}}', json.dumps(good)),
        "oversized": key.token({**good, "pad": "x" * 9000}),
        "truncated": own[:-20],
        "cut in the middle": own[: len(head) + 40],
        "header alone": head + ".",
        "encrypted": f"{head}.a.b.c.d",
        "claims that are a list": key.token("[1]"),
        "claims nested without end": key.token('{"a":' * 900 + "1" + "}" * 900),
        "padded base64": f"{head}=.{payload}.{signature}",
        "tenant with braces": key.token({**good, "tenant": "a}{b", "sub": "a}b"}),
    }


class ServedIssuer:
    """Discovery and key set on a real socket. `keys` may be changed while it runs; `answer` stands in for the key set."""

    def __init__(self, up: Upstream) -> None:
        self._up = up
        self.keys = [SigningKey("k1")]
        self.answer: Callable[[Call], Any] | None = None
        up.on(self._serve)

    @property
    def url(self) -> str:
        return self._up.url

    @property
    def fetches(self) -> int:
        """Of the key set."""
        return sum(call.path == "/jwks" for call in self._up.calls)

    def token(self, **claims: Any) -> str:
        return self.keys[0].token(good_claims(self.url, **claims))

    async def _serve(self, call: Call) -> None:
        if call.path == "/.well-known/openid-configuration":
            await call.answer(200, {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"})
        elif self.answer is not None:
            await self.answer(call)
        else:
            await call.answer(200, {"keys": [key.jwk() for key in self.keys]})


@asynccontextmanager
async def served_issuer() -> AsyncIterator[ServedIssuer]:
    async with Upstream() as up:
        yield ServedIssuer(up)


async def until(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)
