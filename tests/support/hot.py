"""A RedisHot for a test: opened, closed, and by default too patient to time out on a busy machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.redis import RedisHot
from tests.support.eventually import PATIENT_S


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[RedisHot]:
    """`options`: RedisHot's own; `op_timeout_s=0.1` for what production has."""
    tasks = TaskSupervisor()
    hot = RedisHot(url, tasks, **{"op_timeout_s": PATIENT_S, **options})
    await hot.open(wait_s=PATIENT_S)
    try:
        yield hot
    finally:
        await hot.close()
        await tasks.close()
