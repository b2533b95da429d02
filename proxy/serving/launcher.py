"""From a Launch to a running gateway: the embedded Valkey if one is asked for, then one process or a supervisor with workers."""

from collections.abc import Callable

import msgspec

from proxy.serving.embedded_redis import EmbeddedRedis
from proxy.serving.options import Launch


def launch(what: Launch, *, on_ready: Callable[[str, int], None] | None = None) -> int:
    """Exit code. `on_ready(host, port)` is called once connections are accepted.

    Raises CannotListen, EmbeddedRedisFailed, and what the application's factory raises."""
    if not what.options.embedded_redis:
        return _run(what, on_ready)
    with EmbeddedRedis() as redis:
        stores = {**what.overrides.get("stores", {}), "redis": redis.url}
        return _run(msgspec.structs.replace(what, overrides={**what.overrides, "stores": stores}), on_ready)


def _run(what: Launch, on_ready: Callable[[str, int], None] | None) -> int:
    if what.options.workers > 1:
        from proxy.serving.supervisor import run_supervised

        return run_supervised(what, on_ready=on_ready)
    from proxy.serving.single import run_single

    return run_single(what, on_ready=on_ready)
