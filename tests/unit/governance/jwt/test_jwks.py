"""The keys of one issuer, kept fresh."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.governance.jwt.jwks import FetchFailed, Jwks
from proxy.governance.jwt.refusal import IssuerUnavailable, TokenRefused
from tests.support.clock import FakeClock
from tests.support.tokens import SigningKey, until

KEYS = [SigningKey(f"k{n}", "EdDSA") for n in range(3)]


class Scripted:
    """Gives `keys`, or fails while they are None; waits at the gate."""

    def __init__(self) -> None:
        self.keys: list[SigningKey] | None = KEYS[:1]
        self.fetches = 0
        self.closed = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def jwks(self) -> bytes:
        self.fetches += 1
        await self.gate.wait()
        if self.keys is None:
            raise FetchFailed("nobody there")
        return json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()

    async def aclose(self) -> None:
        self.closed = True


class World:
    def __init__(self) -> None:
        self.clock, self.fetch, self.tasks = FakeClock(), Scripted(), TaskSupervisor()
        self.jwks = Jwks("https://i", self.fetch, self.clock, self.tasks, refresh_s=0.05, min_refresh_s=10.0)

    async def names(self, kid: str | None = "k0", algorithm: str = "EdDSA") -> list[str | None]:
        return [key.kid for key in await self.jwks.find(kid, algorithm)]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.tasks.close()


async def test_the_first_token_fetches(world: World) -> None:
    """Where nobody has yet; all who come meanwhile wait for the same fetch."""
    world.fetch.gate.clear()
    asked = [asyncio.ensure_future(world.names()) for _ in range(5)]
    await until(lambda: world.fetch.fetches == 1)
    world.fetch.gate.set()
    assert await asyncio.gather(*asked) == [["k0"]] * 5
    assert await world.names() == ["k0"]
    assert world.fetch.fetches == 1


async def test_one_that_leaves_takes_nothing_along(world: World) -> None:
    """The fetch goes on for the others."""
    world.fetch.gate.clear()
    first, second = asyncio.ensure_future(world.names()), asyncio.ensure_future(world.names())
    await until(lambda: world.fetch.fetches == 1)
    first.cancel()
    await asyncio.sleep(0)
    world.fetch.gate.set()
    assert await second == ["k0"]
    assert (first.cancelled(), world.fetch.fetches) == (True, 1)


async def test_unknown_keys_are_asked_for_now_and_then(world: World) -> None:
    """Once in `min_refresh_s`, however many ask; between, they are refused."""
    await world.names()
    for _ in range(50):
        with pytest.raises(TokenRefused):
            await world.names("unknown")
    assert world.fetch.fetches == 1
    world.clock.advance(10)
    for _ in range(50):
        with pytest.raises(TokenRefused):
            await world.names("unknown")
    assert world.fetch.fetches == 2
    world.clock.advance(10)
    world.fetch.keys = KEYS[:2]
    assert await world.names("k1") == ["k1"]
    assert world.fetch.fetches == 3


async def test_while_the_issuer_is_down(world: World) -> None:
    """Known keys stay, unknown ones are 503 until it has been asked."""
    await world.names()
    world.fetch.keys = None
    world.clock.advance(10)
    for _ in range(3):
        with pytest.raises(IssuerUnavailable) as caught:
            await world.names("k1")
    assert caught.value.retry_after_s == 10.0
    assert world.fetch.fetches == 2
    assert await world.names() == ["k0"]
    with pytest.raises(TokenRefused):
        await world.names("k0", "ES256")
    world.fetch.keys = KEYS[:2]
    world.clock.advance(10)
    assert await world.names("k1") == ["k1"]
    with pytest.raises(TokenRefused):
        await world.names("k2")


async def test_a_token_without_a_name(world: World) -> None:
    """Where one key fits; with several it must say which."""
    assert await world.names(None) == ["k0"]
    world.fetch.keys = KEYS[:2]
    world.clock.advance(10)
    assert await world.names("k1") == ["k1"]
    with pytest.raises(TokenRefused, match="several fit"):
        await world.names(None)


async def test_kept_in_the_background(world: World) -> None:
    """Before a token needs it; a key that is gone is told of, a new one is not."""
    told: list[int] = []
    world.jwks.on_taken_back = lambda: told.append(1)
    task = world.tasks.start(world.jwks.keep(), name="keep", endless=True)
    await until(lambda: world.fetch.fetches >= 1)
    world.fetch.keys = KEYS[:2]
    seen = world.fetch.fetches
    await until(lambda: world.fetch.fetches > seen + 1)
    assert await world.names("k1") == ["k1"]
    assert told == []
    world.fetch.keys = KEYS[1:2]
    await until(lambda: bool(told))
    assert await world.names("k1") == ["k1"]
    world.fetch.keys = None
    seen = world.fetch.fetches
    await until(lambda: world.fetch.fetches > seen + 1)
    assert await world.names("k1") == ["k1"]
    task.cancel()


async def test_it_closes_what_it_fetched_with(world: World) -> None:
    """Connections do not outlive it."""
    await world.jwks.aclose()
    assert world.fetch.closed
