"""Every test of the suite runs for each transport on the event loops it may meet."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import uvloop

from proxy.transport.factory import Kind, make_transport
from tests.contract.transport.client import Client, Open


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "only(kind, reason): a case that the other transport cannot have")


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """httpx meets only uvloop, the production loop: what it does on the other one is anyio's business."""
    left_out = [item for item in items if _left_out(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _left_out(item: pytest.Item) -> bool:
    kind = getattr(item, "callspec", None) and item.callspec.params.get("kind")  # type: ignore[attr-defined]
    only = item.get_closest_marker("only")
    return (only is not None and kind != only.args[0]) or (kind == "httpx" and "[asyncio-" in item.nodeid)


@pytest.fixture(params=["http1", "httpx"])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def opened(kind: Kind) -> Open:
    """`async with opened() as client`: a transport that has to be without connections in use at the end."""

    @asynccontextmanager
    async def open_(**settings: Any) -> Any:
        client = Client(kind, make_transport(kind, **settings))
        try:
            yield client
            await client.settled()
            assert client.transport.stats().in_use == 0, "a connection is still in use"
        finally:
            await client.transport.aclose()
            assert client.transport.stats().open == 0, "a connection outlived the transport"

    def build(**settings: Any) -> AbstractAsyncContextManager[Client]:
        manager: AbstractAsyncContextManager[Client] = open_(**settings)
        return manager

    return build
