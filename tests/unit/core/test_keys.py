"""Shapes of keys."""

import hashlib
import hmac
import re

import pytest

from proxy.core.keys import is_agent_key, is_sha256, new_agent_key, new_key_id, new_secret, sha256_hex, shape_of, sign, signed_key, verify

SECRET = b"0123456789abcdef0123456789abcdef"


def test_key_ids_are_recognisable_and_dot_free() -> None:
    """`lek_` and 22 URL-safe characters, never the same."""
    ids = {new_key_id() for _ in range(200)}
    assert len(ids) == 200
    for key_id in ids:
        assert key_id.startswith("lek_")
        assert len(key_id) == 26
        assert key_id.replace("_", "").replace("-", "").isalnum()


def test_the_signature_is_an_hmac_over_the_key_id() -> None:
    """64 hex digits, computable by anybody who has the secret."""
    assert sign(SECRET, "abc") == hmac.new(SECRET, b"abc", hashlib.sha256).hexdigest()


def test_a_key_of_ours_verifies() -> None:
    """And gives its id."""
    assert verify(SECRET, signed_key(SECRET, "lek_abc")) == "lek_abc"


def test_keys_of_older_systems_verify() -> None:
    """A bare 22-character id with the same secret."""
    key_id = "AbCdEfGhIjKlMnOpQrSt-_"
    assert verify(SECRET, f"{key_id}.{hmac.new(SECRET, key_id.encode(), hashlib.sha256).hexdigest()}") == key_id


@pytest.mark.parametrize("place", [0, 10, 26, 27, 40, -1])
def test_any_changed_character_fails(place: int) -> None:
    """In the id, the dot or the signature."""
    key = signed_key(SECRET, new_key_id())
    changed = list(key)
    changed[place] = "0" if changed[place] != "0" else "1"
    assert verify(SECRET, "".join(changed)) is None


@pytest.mark.parametrize(
    "key", ["", ".", "a.b", "x" * 5000, f"a.{'0' * 63}", f"a.{'0' * 65}", f"a.b.{'0' * 64}", f".{'0' * 64}", f"é.{'0' * 64}"]
)
def test_other_shapes_fail(key: str) -> None:
    """Before any arithmetic."""
    assert verify(SECRET, key) is None


def test_upper_case_signatures_fail() -> None:
    """One key has one spelling."""
    key_id, _, signature = signed_key(SECRET, "lek_abc").partition(".")
    assert verify(SECRET, f"{key_id}.{signature.upper()}") is None


def test_another_secret_fails() -> None:
    """The secret is what makes a key."""
    assert verify(b"x" * 32, signed_key(SECRET, "lek_abc")) is None


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        (signed_key(SECRET, "lek_abc"), "signed"),
        ("eyJh.eyJz.c2ln", "jwt"),
        ("eyJh.eyJz.", "jwt"),
        ("sk-123", "opaque"),
        ("csa_abc", "opaque"),
        ("a.b", "opaque"),
    ],
)
def test_the_shape_names_the_verifier(key: str, shape: str) -> None:
    """Records, an issuer, or static keys."""
    assert shape_of(key) == shape


def test_digests_are_told_from_keys() -> None:
    """64 hex digits."""
    assert is_sha256(sha256_hex("x"))
    assert is_sha256(sha256_hex("x").upper())
    assert not is_sha256("x" * 64)


def test_new_secrets_are_long_and_different() -> None:
    """256 bits."""
    assert len(new_secret()) == 64
    assert new_secret() != new_secret()


def test_agent_keys() -> None:
    """`csa_` and 32 random bytes; the id is of bytes of its own, so it tells nothing of the key."""
    key_id, key = new_agent_key()
    assert re.fullmatch(r"key_[0-9a-f]{16}", key_id)
    assert is_agent_key(key)
    assert shape_of(key) == "opaque"
    assert new_agent_key(b"r" * 64) == new_agent_key(b"r" * 40)
    assert new_agent_key() != new_agent_key()
    assert not is_agent_key(key[:-1])


def test_a_key_id_of_given_bytes() -> None:
    """The same for the same."""
    assert new_key_id(b"r" * 64) == new_key_id(b"r" * 16)
    assert len(new_key_id()) == 26
