"""What the bridge uses of the litellm package, scripted: no package needed."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from proxy.providers.litellm_transport import LitellmApi


def pretend_installed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """An importable package of that name, for checks that only look whether it is there."""
    package = folder / "litellm"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(folder))


class Dumped:
    """A pydantic model, as far as the bridge looks at one; `attributes` stand beside the fields."""

    def __init__(self, body: dict[str, Any], **attributes: Any) -> None:
        self.body = body
        self.choices = [SimpleNamespace(finish_reason=c.get("finish_reason")) for c in body.get("choices") or ()]
        self.usage = body.get("usage")
        self.__dict__.update(attributes)

    def model_dump(self, *, mode: str, exclude_none: bool) -> dict[str, Any]:
        assert (mode, exclude_none) == ("json", True)
        dumped: dict[str, Any] = _without_none(copy.deepcopy(self.body))
        return dumped


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


class FakeStream:
    """Steps: chunks to give, exceptions to raise, events to wait for."""

    def __init__(self, *steps: Any, **attributes: Any) -> None:
        self._steps = list(steps)
        self.closed = asyncio.Event()
        self.__dict__.update(attributes)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, asyncio.Event):
                await step.wait()
            elif isinstance(step, Exception):
                raise step
            else:
                return step
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed.set()


class Fake:
    """`answer`: what every call gives: an object, an exception, or a function of the call's arguments."""

    def __init__(self, answer: Any = None, *, providers: tuple[str, ...] = ("groq",), secrets: tuple[str, ...] = ()) -> None:
        self.answer = answer
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.users = 0
        self.loads = 0
        self.before_load: Callable[[], None] = lambda: None
        self._providers = frozenset(providers)
        self._secrets = secrets

    def load(self) -> LitellmApi:
        self.loads += 1
        self.before_load()
        return LitellmApi(
            chat=lambda **given: self._call("chat", given),
            embed=lambda **given: self._call("embed", given),
            errors=(OSError, ValueError, RuntimeError),
            timeout=lambda total_s, connect_s: (total_s, connect_s),
            providers=self._providers,
            acquire=self._acquire,
            release=self._release,
            secrets=self._secrets,
        )

    async def _call(self, name: str, given: dict[str, Any]) -> Any:
        self.calls.append((name, given))
        answer = self.answer(given) if callable(self.answer) else self.answer
        if isinstance(answer, asyncio.Event):
            await answer.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _acquire(self) -> None:
        self.users += 1

    async def _release(self) -> None:
        self.users -= 1


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> Dumped:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return Dumped({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more})


async def texts(chunks: AsyncIterator[bytes]) -> str:
    return b"".join([piece async for piece in chunks]).decode()
