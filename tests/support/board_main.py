"""A process of its own with a board: copies each field `in:x` to `out:x`. Arguments: URL of the Redis, key of the board."""

import asyncio
import sys

from proxy.core.clock import SystemClock
from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.open import open_hot
from proxy.storage.hot.redis_board import RedisBoard


async def main(url: str, key: str) -> None:
    tasks = TaskSupervisor()
    hot = await open_hot(url, tasks)
    board = RedisBoard(hot, SystemClock(), tasks, key=key)
    await board.open()

    def copy(field: str, value: bytes | None) -> None:
        out = "out:" + field.removeprefix("in:")
        if value is None:
            board.drop(out)
        else:
            board.put(out, value, 600)

    board.watch("in:", copy)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
