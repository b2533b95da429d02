"""One question to one server over a connection of its own: for what is asked now and then, of servers that nothing else may speak to."""

import asyncio
import ssl
from typing import Any

from proxy.storage.hot.address import RedisAddress
from proxy.storage.hot.base import RedisDown
from proxy.storage.hot.link import Batch, RedisLink, connect, pack


class _Nobody:
    """Whose link it is: nothing is written but the question."""

    def link_progress(self, link: RedisLink, answered: list[Batch]) -> None: ...

    def link_lost(self, link: RedisLink) -> None: ...


async def ask(address: RedisAddress, tls: ssl.SSLContext | None, *command: str, timeout_s: float) -> Any:
    """The answer, within `timeout_s` for the connection and as much again. Raises RedisDown or RedisRefused."""
    loop = asyncio.get_running_loop()
    link = await connect(address, tls, _Nobody(), timeout_s=timeout_s)
    batch = Batch(loop.time() + timeout_s)
    future: asyncio.Future[Any] = loop.create_future()
    batch.add(pack(command), future)
    try:
        link.send(batch)
        async with asyncio.timeout(timeout_s):
            return await future
    except TimeoutError:
        raise RedisDown(f"{address.label}: no answer within {timeout_s:g} s") from None
    finally:
        link.close()
