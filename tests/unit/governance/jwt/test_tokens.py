"""Verifying, and remembering what was good."""

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.governance.jwt.identity import Mapping
from proxy.governance.jwt.jwks import Jwks
from proxy.governance.jwt.refusal import TokenRefused
from proxy.governance.jwt.tokens import Issuer, Tokens
from proxy.settings.jwt import JwtSettings
from tests.support.clock import FakeClock
from tests.support.tokens import SigningKey, until

KEY = SigningKey("k", "EdDSA")


class Keys:
    """One after the other, the last one stays."""

    def __init__(self, *sets: list[SigningKey]) -> None:
        self._sets = list(sets)
        self.fetches = 0
        self.closed = 0

    async def jwks(self) -> bytes:
        self.fetches += 1
        found = self._sets.pop(0) if len(self._sets) > 1 else self._sets[0]
        return json.dumps({"keys": [key.jwk() for key in found]}).encode()

    async def aclose(self) -> None:
        self.closed += 1


class World:
    def __init__(self) -> None:
        self.clock, self.tasks = FakeClock(), TaskSupervisor()
        self.fetch = Keys([KEY], [SigningKey("other", "EdDSA")])
        settings = JwtSettings.model_validate({"issuer": "https://i", "audience": "api", "leeway_s": 0})
        self.jwks = Jwks("https://i", self.fetch, self.clock, self.tasks, refresh_s=0.05)
        self.tokens = Tokens({"https://i": Issuer(settings, Mapping(settings), self.jwks)}, self.clock, ttl_s=100.0, size=2)

    def token(self, **claims: Any) -> str:
        return KEY.token({"iss": "https://i", "sub": "a", "aud": "api", "exp": self.clock.time() + 1000, **claims})

    def found(self, token: str) -> bool:
        return self.tokens.find(sha256(token.encode()).digest()) is not None


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.tasks.close()


async def test_a_good_one_is_remembered(world: World) -> None:
    """By its digest, as the same principal."""
    token = world.token()
    assert not world.found(token)
    principal = await world.tokens.verify(token)
    assert world.tokens.find(sha256(token.encode()).digest()) is principal
    assert principal.user == "a"


async def test_until_it_expires_or_the_time_is_up(world: World) -> None:
    """Whichever is first."""
    long, short = world.token(), world.token(exp=world.clock.time() + 30)
    for token in (long, short):
        await world.tokens.verify(token)
    world.clock.advance(29)
    assert (world.found(long), world.found(short)) == (True, True)
    world.clock.advance(1)
    assert (world.found(long), world.found(short)) == (True, False)
    with pytest.raises(TokenRefused, match="expired"):
        await world.tokens.verify(short)
    world.clock.advance(70)
    assert not world.found(long)
    assert (await world.tokens.verify(long)).user == "a"
    assert world.found(long)


async def test_only_so_many(world: World) -> None:
    """The oldest goes first; one that comes again is the youngest."""
    tokens = [world.token(sub=name) for name in "abc"]
    for token in (tokens[0], tokens[1], tokens[0], tokens[2]):
        await world.tokens.verify(token)
    assert [world.found(token) for token in tokens] == [True, False, True]


@pytest.mark.parametrize("issuer", ["https://j", "https://i/", None, 7, ["https://i"]])
async def test_issuers_that_nobody_knows(world: World, issuer: Any) -> None:
    """Nobody is asked about them."""
    with pytest.raises(TokenRefused, match="trusts"):
        await world.tokens.verify(world.token(iss=issuer))
    assert world.fetch.fetches == 0


async def test_a_signature_that_is_not_its_issuer_s(world: World) -> None:
    """Refused, and not remembered."""
    token = SigningKey("k", "EdDSA").token({"iss": "https://i", "sub": "a", "aud": "api", "exp": world.clock.time() + 9})
    with pytest.raises(TokenRefused, match="signature"):
        await world.tokens.verify(token)
    assert not world.found(token)


async def test_a_key_that_is_taken_back(world: World) -> None:
    """What was remembered is forgotten; at the end connections are closed."""
    token = world.token()
    await world.tokens.verify(token)
    task = world.tasks.start(world.tokens.keep(), name="jwks", endless=True)
    await until(lambda: not world.found(token))
    with pytest.raises(TokenRefused):
        await world.tokens.verify(token)
    task.cancel()
    await until(lambda: world.fetch.closed == 1)
