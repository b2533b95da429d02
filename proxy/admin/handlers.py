"""The admin API's handlers by the names that the table of routes has."""

from collections.abc import Callable

from starlette.types import ASGIApp

from proxy.admin.access import WholeGateway
from proxy.admin.cache import CacheRoutes
from proxy.admin.config import ConfigRoutes
from proxy.admin.keeper import OverlayKeeper
from proxy.admin.reload import Reload
from proxy.admin.routes import Explain, RouteRoutes
from proxy.admin.targets import TargetRoutes
from proxy.admin.usage import UsageRoutes
from proxy.core.clock import Clock
from proxy.pipeline.deps import Pipeline
from proxy.settings import Settings


def admin_handlers(
    *,
    settings: Callable[[], Settings],
    pipeline: Callable[[], Pipeline],
    loaded_at: Callable[[], float],
    clock: Clock,
    overlays: OverlayKeeper,
    reload: Reload | None,
    explain: Explain,
    usage: UsageRoutes,
) -> dict[str, ASGIApp]:
    """`settings`, `pipeline`: those in force; `loaded_at`: since when, in unix seconds."""
    config = ConfigRoutes(settings, loaded_at, overlays, reload)
    routes = RouteRoutes(settings, pipeline, overlays, explain)
    targets = TargetRoutes(settings, clock, overlays)
    cache = CacheRoutes(lambda: pipeline().cache, clock)
    handlers: dict[str, ASGIApp] = {
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
    own_tenant: dict[str, ASGIApp] = {
        "admin_usage": usage.report,
        "admin_usage_records": usage.records,
        "admin_tenant_usage": usage.tenant,
    }
    """Also for administrators of one tenant, who see its alone."""
    return {name: WholeGateway(handler) for name, handler in handlers.items()} | own_tenant
