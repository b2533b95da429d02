"""The hot store that a URL names."""

from collections.abc import Callable

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.address import is_cluster
from proxy.storage.hot.base import LinkState, OwnedHotStore
from proxy.storage.hot.cluster import RedisClusterHot
from proxy.storage.hot.redis import RedisHot


async def open_hot(
    url: str,
    tasks: TaskSupervisor,
    *,
    op_timeout_s: float = 0.1,
    connect_timeout_s: float = 1.0,
    on_state: Callable[[LinkState], None] | None = None,
) -> OwnedHotStore:
    """Opened, which does not say that it is connected. To be closed by the caller. Raises as `RedisHot`."""
    kind = RedisClusterHot if is_cluster(url) else RedisHot
    hot: OwnedHotStore = kind(url, tasks, op_timeout_s=op_timeout_s, connect_timeout_s=connect_timeout_s, on_state=on_state)
    await hot.open()
    return hot
