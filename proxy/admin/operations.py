"""What the admin API's operations take and answer: of each handler in the table of routes the structs and tables by which it really
reads and writes, for the description at `/openapi.json`."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.admin import api_keys, config, plans, usage
from proxy.admin.answer import Message
from proxy.admin.api_keys import ActionBody, RotateBody
from proxy.admin.cache import CacheCleared, CachePurged, PurgeBody
from proxy.admin.config import ConfigShown
from proxy.admin.health import AdminHealthView
from proxy.admin.key_fields import KeyBody
from proxy.admin.key_views import ListedKey, MadeKey, WholeKey
from proxy.admin.plan_fields import PlanBody, WholePlan
from proxy.admin.plans import BudgetSet, PlanMade, PlanPage, PlanStopped
from proxy.admin.reload import Reloaded
from proxy.admin.routes import RouteChanged, RouteGone, RouteList, RouteWhole, WeightsBody
from proxy.admin.targets import TargetShown
from proxy.admin.usage import RecordsPage, TenantUsage, UsageReport
from proxy.cache.tiered import CacheStatus
from proxy.pipeline.explaining import PARAMETERS


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Of one handler."""

    words: str
    query: Mapping[str, Any] = {}
    """Name → type."""
    query_needed: tuple[str, ...] = ()
    body: Any = None
    body_needed: tuple[str, ...] = ()
    """Fields; PATCH needs none of them."""
    body_optional: bool = False
    answers: tuple[Any, ...] = ()
    """One of these types; none: it only ever refuses."""
    csv: bool = False
    """Instead of JSON, where that is asked for."""
    shows_version: bool = False
    """`ETag`."""
    asks_version: bool = False
    """`If-Match`."""
    once: bool = False
    """`Idempotency-Key`."""
    linked: bool = False
    """`Link` and `X-Next-After` lead to the next page."""
    lab: bool = False
    """Errors in the AWS lab's shape."""


_KEY: dict[str, Any] = {"answers": (WholeKey,), "shows_version": True}
_ACTION: dict[str, Any] = {"body": ActionBody, "body_optional": True, "asks_version": True}
_MADE: dict[str, Any] = {"answers": (MadeKey,), "shows_version": True, "once": True}
_WEIGHTS: dict[str, Any] = {"answers": (RouteChanged, RouteGone), "shows_version": True, "asks_version": True}
_TARGET: dict[str, Any] = {"answers": (TargetShown,), "shows_version": True, "asks_version": True}
_REPORT = {key: kind for key, kind in usage.QUERY.items() if key not in ("limit", "after")}
_RECORDS = {key: kind for key, kind in usage.QUERY.items() if key not in ("by", "format")}

OPERATIONS: dict[str, Told] = {
    "admin_health": Told(words="How the gateway and its stores are", answers=(AdminHealthView,)),
    "admin_config": Told(words="The configuration in force, secrets masked", query=config.QUERY, answers=(ConfigShown,)),
    "admin_config_managed": Told(words="Refused: the configuration is changed in its file"),
    "admin_reload": Told(words="Read the configuration again", answers=(Reloaded,)),
    "admin_routes": Told(words="All names and where they lead", answers=(RouteList,)),
    "admin_route": Told(
        words="One name: targets, rules, what would be decided now",
        query=dict.fromkeys(PARAMETERS, str) | {"header": list[str]},
        answers=(RouteWhole,),
        shows_version=True,
    ),
    "admin_route_managed": Told(words="Refused: routes are changed in the file"),
    "admin_weights": Told(words="Move the weights of a weighted name", body=WeightsBody, **_WEIGHTS),
    "admin_weights_clear": Told(words="The file's weights again", **_WEIGHTS),
    "admin_drain": Told(words="No new requests to a target", **_TARGET),
    "admin_undrain": Told(words="Requests to a drained target again", **_TARGET),
    "admin_cache": Told(words="State of the cache", answers=(CacheStatus,)),
    "admin_cache_clear": Told(words="Clear the cache", answers=(CacheCleared,)),
    "admin_cache_purge": Told(words="Purge by model, tenant, tag or key", body=PurgeBody, answers=(CachePurged,)),
    "admin_usage": Told(words="Sums over the ledger: JSON, CSV, FOCUS", query=_REPORT, answers=(UsageReport,), csv=True),
    "admin_usage_records": Told(words="Usage records, in pages", query=_RECORDS, answers=(RecordsPage,)),
    "admin_tenant_usage": Told(words="A tenant's spending and budget of this month", answers=(TenantUsage,)),
    "admin_tenant_budget": Told(
        words="Set a tenant's monthly budget: ?monthly_cap= in USD",
        query=plans.BUDGET_QUERY,
        query_needed=tuple(plans.BUDGET_QUERY),
        answers=(BudgetSet,),
    ),
    "admin_key_create": Told(words="Make an API key, shown this once", body=KeyBody, body_needed=api_keys.REQUIRED, **_MADE),
    "admin_keys": Told(words="List API keys, in pages", query=api_keys.LIST_QUERY, answers=(list[ListedKey], list[WholeKey]), linked=True),
    "admin_key": Told(words="An API key, all but itself", **_KEY),
    "admin_key_update": Told(words="Change an API key", body=KeyBody, body_needed=api_keys.REQUIRED, asks_version=True, **_KEY),
    "admin_key_revoke": Told(words="End an API key for good", answers=(Message,), shows_version=True, **_ACTION),
    "admin_key_rotate": Told(
        words="Replace an API key, with an overlap", query=api_keys.ROTATE_QUERY, **(_ACTION | {"body": RotateBody}), **_MADE
    ),
    "admin_key_disable": Told(words="Stop an API key until it is enabled", **_ACTION, **_KEY),
    "admin_key_enable": Told(words="A stopped API key works again", **_ACTION, **_KEY),
    "admin_plan_create": Told(
        words="Make a usage plan", body=PlanBody, body_needed=plans.REQUIRED, answers=(WholePlan,), shows_version=True, once=True
    ),
    "admin_plans": Told(words="List usage plans, in pages", query=plans.LIST_QUERY, answers=(PlanPage,), linked=True),
    "admin_plan": Told(words="A usage plan, by TYPE/id", query=plans.ONE_QUERY, answers=(WholePlan,), shows_version=True),
    "admin_plan_replace": Told(
        words="Replace a usage plan as a whole (If-Match)",
        query=plans.ONE_QUERY,
        body=PlanBody,
        answers=(WholePlan,),
        shows_version=True,
        asks_version=True,
    ),
    "admin_plan_delete": Told(words="Delete a usage plan", query=plans.ONE_QUERY, answers=(Message,), asks_version=True),
    "create_plan_key": Told(
        words="Make a usage plan (the AWS lab's door)", body=PlanBody, body_needed=plans.REQUIRED, answers=(PlanMade,), lab=True, once=True
    ),
    "revoke_plan_key": Told(
        words="Stop a usage plan (the AWS lab's door)", body=PlanBody, body_needed=plans.REQUIRED, answers=(PlanStopped,), lab=True
    ),
}
