"""One question over a connection of its own."""

import asyncio

import pytest

from proxy.storage.hot.address import parse_address
from proxy.storage.hot.ask import ask
from proxy.storage.hot.base import RedisDown, RedisRefused
from tests.support.eventually import PATIENT_S
from tests.support.resp_server import DROP, Command, RespServer, login_ok
from tests.support.valkey import free_port


def answering(reply: bytes | None) -> RespServer:
    def answer(command: Command) -> bytes | None:
        return reply if command[0] == b"QUESTION" else login_ok(command)

    return RespServer(answer)


async def asked(server: RespServer, timeout_s: float = PATIENT_S) -> object:
    return await ask(parse_address(server.url), None, "QUESTION", timeout_s=timeout_s)


async def test_the_answer_comes_and_the_connection_goes() -> None:
    """After a login."""
    async with answering(b":7\r\n") as server:
        assert await asked(server) == 7
        assert server.commands[-1] == (b"QUESTION",)


async def test_a_refusal_is_the_servers_own() -> None:
    """With its word."""
    async with answering(b"-NOPERM no\r\n") as server:
        with pytest.raises(RedisRefused, match="NOPERM"):
            await asked(server)


@pytest.mark.parametrize("reply", [None, DROP], ids=["silent", "hung up"])
async def test_no_answer_is_redis_down(reply: bytes | None) -> None:
    """Within the time-out."""
    async with answering(reply) as server:
        with pytest.raises(RedisDown):
            await asked(server, timeout_s=0.2)


async def test_nobody_there_is_redis_down() -> None:
    """At once."""
    with pytest.raises(RedisDown):
        async with asyncio.timeout(PATIENT_S):
            await ask(parse_address(f"redis://127.0.0.1:{free_port()}"), None, "QUESTION", timeout_s=PATIENT_S)
