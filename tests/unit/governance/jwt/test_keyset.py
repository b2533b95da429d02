"""An issuer's public keys."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, rsa

from proxy.governance.jwt.keyset import MAX_KEYS, KeySet, parse_jwks
from tests.support.tokens import SigningKey

KEYS = {name: SigningKey(name, name) for name in ("RS256", "ES256", "ES384", "ES512", "EdDSA")}
SIGNED = b"what is signed"


def of(*jwks: Any) -> KeySet:
    return parse_jwks(json.dumps({"keys": list(jwks)}).encode())


@pytest.mark.parametrize("name", KEYS)
def test_each_verifies_its_own(name: str) -> None:
    """And nothing else."""
    key = KEYS[name]
    (found,) = of(*(k.jwk() for k in KEYS.values())).find(name, name)
    signature = key.signature(SIGNED)
    assert found.verifies(name, SIGNED, signature)
    assert not found.verifies(name, SIGNED + b".", signature)
    assert not found.verifies(name, SIGNED, signature[:-1] + bytes([signature[-1] ^ 1]))
    for other in ("HS256", "none", *KEYS):
        assert other == name or not found.verifies(other, SIGNED, signature)


def test_an_rsa_key_without_a_declared_algorithm_is_good_for_all_of_rsa() -> None:
    """With PSS, too; a key that declares one is good for that alone."""
    jwk = KEYS["RS256"].jwk()
    del jwk["alg"]
    assert of(jwk).keys[0].algorithms == ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
    assert of({**jwk, "alg": "PS384"}).keys[0].algorithms == ("PS384",)
    pss = SigningKey("a", "PS256", KEYS["RS256"].private)
    assert of(jwk).keys[0].verifies("PS256", SIGNED, pss.signature(SIGNED))


def test_ed25519_by_its_newer_name() -> None:
    """RFC 9864."""
    jwk = {**KEYS["EdDSA"].jwk(), "alg": "Ed25519"}
    assert of(jwk).keys[0].verifies("Ed25519", SIGNED, KEYS["EdDSA"].signature(SIGNED))
    ed448_key = SigningKey("e", "EdDSA", ed448.Ed448PrivateKey.generate())
    assert of(ed448_key.jwk()).keys[0].verifies("EdDSA", SIGNED, ed448_key.signature(SIGNED))


def small() -> dict[str, Any]:
    return SigningKey("small", "RS256", rsa.generate_private_key(public_exponent=65537, key_size=1024)).jwk()


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"},
        {**KEYS["RS256"].jwk(), "use": "enc"},
        {**KEYS["RS256"].jwk(), "key_ops": ["encrypt"]},
        {**KEYS["RS256"].jwk(), "alg": "RSA-OAEP"},
        {**KEYS["RS256"].jwk(), "alg": "HS256"},
        {**KEYS["RS256"].jwk(), "kid": 7},
        {**KEYS["RS256"].jwk(), "n": "!"},
        {**KEYS["RS256"].jwk(), "n": 5},
        {"kty": "RSA", "kid": "a"},
        {**KEYS["ES256"].jwk(), "crv": "secp256k1"},
        {**KEYS["ES256"].jwk(), "crv": ["P-256"]},
        {**KEYS["ES256"].jwk(), "x": "AAAA"},
        {**KEYS["ES256"].jwk(), "alg": "ES384"},
        {**KEYS["EdDSA"].jwk(), "x": "AAAA"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
        small(),
        "text",
        None,
    ],
)
def test_what_cannot_verify_is_passed_over(jwk: Any) -> None:
    """The others of the set stay good; alone it is no key set."""
    assert len(of(jwk, KEYS["ES256"].jwk())) == 1
    with pytest.raises(ValueError, match="no public key"):
        of(jwk)


def test_a_private_key_is_taken_for_its_public_half() -> None:
    """An issuer's mistake, which gives us no power to sign."""
    (key,) = of(KEYS["RS256"].jwk(private=True)).keys
    assert not hasattr(key.key, "sign")
    assert '"d"' not in key.material


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"keys": {}}', b"[" * 100_000, b'{"keys": []}'])
def test_what_is_no_key_set(body: bytes) -> None:
    """ValueError, whatever it is."""
    with pytest.raises(ValueError, match="key set"):
        parse_jwks(body)


def test_keys_are_found_by_name() -> None:
    """One without a name only where it is the one that fits; two of a name are both tried."""
    first, second = SigningKey("k", "ES256"), SigningKey("k", "ES256")
    keys = of(first.jwk(), second.jwk(), KEYS["RS256"].jwk())
    assert len(keys.find("k", "ES256")) == 2
    assert keys.find("k", "RS256") == ()
    assert keys.find("none", "ES256") == ()
    assert len(keys.find(None, "RS256")) == 1
    assert keys.find(None, "ES256") == ()
    assert [keys.knows(kid) for kid in ("k", "none", None)] == [True, False, True]
    assert not KeySet().knows(None)


def test_keys_that_are_gone() -> None:
    """By name and material: a name that is given to another key is a key gone."""
    a, b = SigningKey("a", "ES256"), SigningKey("b", "ES256")
    assert of(a.jwk()).lacks(of(a.jwk(), b.jwk()))
    assert of(b.jwk() | {"kid": "a"}).lacks(of(a.jwk()))
    assert not of(a.jwk(), b.jwk()).lacks(of(a.jwk()))


def test_no_more_keys_than_can_be_meant() -> None:
    """A set without end is not read to its end."""
    jwk = KEYS["EdDSA"].jwk()
    assert len(of(*(jwk | {"kid": str(n)} for n in range(MAX_KEYS + 50)))) == MAX_KEYS
