"""Background tasks with an owner: the reference is kept, a failure is reported, everything ends on close."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any


class TaskSupervisor:
    """Starts tasks and answers for them. `on_failure(name, exc)` is called for each task that ends with an exception."""

    def __init__(self, on_failure: Callable[[str, BaseException], None] | None = None) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._endless: set[asyncio.Task[Any]] = set()
        self._on_failure = on_failure or self._log

    def start(self, coro: Coroutine[Any, Any, Any], *, name: str, endless: bool = False) -> asyncio.Task[Any]:
        """`endless`: it never ends by itself, so that closing need not wait for it."""
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self._tasks.add(task)
        if endless:
            self._endless.add(task)
        task.add_done_callback(self._done)
        return task

    def __len__(self) -> int:
        return len(self._tasks)

    def names(self) -> list[str]:
        """Of the tasks still running, sorted: for leak checks."""
        return sorted(task.get_name() for task in self._tasks)

    async def close(self, *, grace_s: float = 0.0) -> None:
        """Wait up to `grace_s` seconds for those that end by themselves, then cancel what is left and wait for it."""
        ending = self._tasks - self._endless
        if ending and grace_s > 0:
            await asyncio.wait(ending, timeout=grace_s)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._endless.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            self._on_failure(task.get_name(), exc)

    @staticmethod
    def _log(name: str, exc: BaseException) -> None:
        logging.getLogger("llm_edge").error("background task failed", extra={"task": name, "error": repr(exc)}, exc_info=exc)
