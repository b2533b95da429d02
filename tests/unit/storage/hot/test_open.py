"""Which hot store a URL gets."""

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.open import open_hot
from proxy.storage.hot.redis import RedisHot
from tests.support.resp_server import RespServer


async def test_one_server() -> None:
    """Opened, and the time-outs are taken over."""
    tasks = TaskSupervisor()
    async with RespServer() as server:
        hot = await open_hot(server.url, tasks, op_timeout_s=0.25)
        assert isinstance(hot, RedisHot)
        assert hot.connected
        assert hot._op_timeout_s == 0.25
        await hot.close()
    await tasks.close()


async def test_a_wrong_url_is_a_value_error() -> None:
    """Before anything is opened."""
    with pytest.raises(ValueError):
        await open_hot("http://cache", TaskSupervisor())
