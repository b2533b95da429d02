"""How often and how long a command is followed."""

import asyncio
from typing import Any

from proxy.storage.hot.base import RedisDown
from proxy.storage.hot.redirects import MAX_REDIRECTS, Redirects
from tests.support.eventually import eventually


def command() -> "asyncio.Future[Any]":
    return asyncio.get_running_loop().create_future()


async def test_a_command_is_followed_so_often_and_no_more() -> None:
    """Then it has failed; another one begins anew."""
    redirects, future, other = Redirects("r"), command(), command()
    far = asyncio.get_running_loop().time() + 60
    assert [redirects.note(future, far) for _ in range(MAX_REDIRECTS + 1)] == [True] * MAX_REDIRECTS + [False]
    assert isinstance(future.exception(), RedisDown)
    assert redirects.note(other, far)
    other.set_result(None)
    await eventually(lambda: len(redirects) == 0)


async def test_a_command_ends_at_its_first_deadline() -> None:
    """Whatever later ones say."""
    redirects, future = Redirects("r"), command()
    now = asyncio.get_running_loop().time()
    redirects.note(future, now + 0.02)
    redirects.note(future, now + 60)
    await eventually(future.done)
    assert "redirects included" in str(future.exception())
    await eventually(lambda: len(redirects) == 0)


async def test_an_answered_or_cancelled_command_leaves_nothing() -> None:
    """No timer either: one that ends in the loop turn of its deadline is left as it is."""
    redirects, answered, cancelled = Redirects("r"), command(), command()
    now = asyncio.get_running_loop().time()
    redirects.note(answered, now)
    redirects.note(cancelled, now + 60)
    answered.set_result(b"x")
    cancelled.cancel()
    await eventually(lambda: len(redirects) == 0)
    assert answered.result() == b"x"
    assert not redirects._timers
