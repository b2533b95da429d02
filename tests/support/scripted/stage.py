"""The gateway and its scripted providers in a thread with a loop of its own: many SDKs only know how to block."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from proxy.storage.issue import new_access_key, signing_secret
from tests.support.eventually import PATIENT_S
from tests.support.gateway import KEY, Running, running
from tests.support.scripted.providers import ScriptedProviders

T = TypeVar("T")


class Stage:
    """`url` is the gateway's; `key` opens it."""

    key = KEY

    def __init__(self, up: ScriptedProviders, edge: Running, loop: asyncio.AbstractEventLoop, url: str) -> None:
        self.up = up
        self.url = url
        self._edge = edge
        self._loop = loop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """In the gateway's loop, from the test's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENT_S)

    def access_key(self) -> tuple[str, str]:
        """AWS id and secret, issued by the gateway."""
        return self.run(self._issue())

    async def _issue(self) -> tuple[str, str]:
        records = self._edge.gateway.state.records
        access_key, secret_key, made = new_access_key(await signing_secret(records, None), time.time())
        await records.create(made)
        return access_key, secret_key


@contextmanager
def on_stage(certificate: Path | None = None) -> Iterator[Stage]:
    """Without a cache, so that each request meets its provider. `certificate`: PEM of key and chain for localhost; served over TLS then."""
    ready: list[Stage] = []
    started = threading.Event()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()
    server: dict[str, Any] = {} if certificate is None else {"tls": {"cert": str(certificate), "key": str(certificate)}}

    async def play() -> None:
        async with ScriptedProviders() as up, running(up.settings(cache={"enabled": False}, server=server)) as edge:
            url = edge.url if certificate is None else edge.url.replace("http://127.0.0.1", "https://localhost")
            ready.append(Stage(up, edge, loop, url))
            started.set()
            await done.wait()

    def serve() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(play())
        finally:
            started.set()

    thread = threading.Thread(target=serve, name="stage")
    thread.start()
    try:
        started.wait(PATIENT_S)
        yield ready[0]
    finally:
        if ready:
            loop.call_soon_threadsafe(done.set)
        thread.join(PATIENT_S)
