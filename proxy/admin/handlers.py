"""The admin API's handlers that concern the whole gateway, by the names that the table of routes has.

Those that administrators of one tenant may use, too (keys), come with their own table and look to that themselves."""

from collections.abc import Callable

from starlette.types import ASGIApp

from proxy.admin.access import WholeGateway
from proxy.admin.cache import CacheRoutes
from proxy.admin.config import ConfigRoutes
from proxy.admin.health import AdminHealth
from proxy.admin.keeper import OverlayKeeper
from proxy.admin.reload import Reload
from proxy.admin.routes import Explain, RouteRoutes
from proxy.admin.targets import TargetRoutes
from proxy.core.clock import Clock
from proxy.governance.keys import SignedKeys
from proxy.pipeline.deps import Pipeline
from proxy.settings import Settings
from proxy.state import AppState


def admin_handlers(
    *,
    settings: Callable[[], Settings],
    pipeline: Callable[[], Pipeline],
    loaded_at: Callable[[], float],
    clock: Clock,
    overlays: OverlayKeeper,
    reload: Reload | None,
    explain: Explain,
    state: Callable[[], AppState],
    signed: Callable[[], SignedKeys | None],
) -> dict[str, ASGIApp]:
    """All of them concern the whole gateway. `settings`, `pipeline`: those in force; `loaded_at`: since when, in unix seconds;
    `signed`: keys of the record store as they are known."""
    health = AdminHealth(state, signed, loaded_at, lambda: overlays.overlays.version)
    config = ConfigRoutes(settings, loaded_at, overlays, reload)
    routes = RouteRoutes(settings, pipeline, overlays, explain)
    targets = TargetRoutes(settings, clock, overlays)
    cache = CacheRoutes(lambda: pipeline().cache, clock)
    handlers: dict[str, ASGIApp] = {
        "admin_health": health.show,
        "admin_config": config.show,
        "admin_config_managed": config.managed,
        "admin_reload": config.reload,
        "admin_routes": routes.list,
        "admin_route": routes.one,
        "admin_route_managed": routes.managed,
        "admin_weights": routes.set_weights,
        "admin_weights_clear": routes.clear_weights,
        "admin_drain": targets.drain,
        "admin_undrain": targets.undrain,
        "admin_cache": cache.show,
        "admin_cache_clear": cache.clear,
        "admin_cache_purge": cache.purge,
    }
    return {name: WholeGateway(handler) for name, handler in handlers.items()}
