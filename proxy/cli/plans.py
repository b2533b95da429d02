"""Create, list, show, change and delete usage plans, and explain what limits a key.

Gateways that run hear of a change at once where they share a Redis (stores.redis), else they take notice within auth.key_cache_ttl_s."""

import argparse
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from proxy.admin.events import LoggedEvents
from proxy.admin.key_service import Actor
from proxy.admin.plan_fields import content, entity_type, read_plan, whole_plan
from proxy.admin.plan_service import PlanService
from proxy.cli.common import add_config, add_json, finished, print_json, print_table, stored_settings
from proxy.cli.notices import PlanChanges
from proxy.cli.plan_explain import explain
from proxy.core.clock import SystemClock
from proxy.core.errors import InvalidField
from proxy.settings import Settings
from proxy.storage.open import open_plans, open_records
from proxy.storage.plans import SYSTEM, Plan

EXAMPLES = """examples:
  llm-edge plans create USER ann --tenant acme --rpm 60 --monthly-usd 50
  llm-edge plans create TENANT acme --body '{"model_limits": {"gpt-4o": {"rpm": 10}}}'
  llm-edge plans set USER ann --tenant acme --rpm none --models gpt-4o,smart
  llm-edge plans set USER ann --tenant acme --active no
  llm-edge plans list --tenant acme --json
  llm-edge plans explain lek_… gpt-4o"""

CLI = Actor(key_id="cli")
_LIMITS = ("rpm", "input_tpm", "output_tpm", "tpm", "concurrency", "qps", "burst")
_CAPS = ("monthly_usd", "daily_usd", "total_usd")
_HEAD = ("TYPE", "ID", "TENANT", "ACTIVE", "MODELS", "LIMITS", "CAPS", "VERSION")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a plan", epilog="example: llm-edge plans create USER ann --tenant acme --rpm 60")
    listing = actions.add_parser("list", help="list plans", epilog="example: llm-edge plans list --json")
    listing.add_argument("--type", metavar="TYPE", help="only of this entity type")
    get = actions.add_parser("get", help="show a plan", epilog="example: llm-edge plans get USER ann --tenant acme")
    change = actions.add_parser("set", help="change a plan", epilog="example: llm-edge plans set USER ann --tenant acme --rpm none")
    delete = actions.add_parser("delete", help="delete a plan", epilog="example: llm-edge plans delete USER ann --tenant acme")
    why = actions.add_parser(
        "explain", help="which counters a key's requests count on, and their limits", epilog="example: llm-edge plans explain lek_… gpt-4o"
    )
    why.add_argument("key_id", metavar="KEY_ID", help="the part of the key before the dot")
    why.add_argument("model", metavar="MODEL", nargs="?", help="as asked for")
    for action in (create, get, change, delete):
        action.add_argument("type", metavar="TYPE", help="API_KEY, USER, SERVICE, DEPARTMENT, PROJECT or TENANT")
        action.add_argument("id", metavar="ID", help="of an API_KEY: its key id")
    for action in (create, listing, get, change, delete):
        action.add_argument("--tenant", metavar="ID", help=f"whose it is (default: {SYSTEM}, and a TENANT's own)")
    for action in (create, change):
        for name in (*_LIMITS, *_CAPS):
            action.add_argument(f"--{name.replace('_', '-')}", metavar="N", help=f"{name}; 'none' takes it away")
        action.add_argument("--algorithm", choices=["window", "bucket", "none"], help="how tokens and requests a minute are counted")
        action.add_argument("--models", metavar="A,B", help="names that are permitted (default: all)")
        action.add_argument("--active", choices=["yes", "no"])
        action.add_argument("--body", metavar="JSON", help="more fields, as POST /v1/admin/plans takes them")
    change.add_argument("--version", type=int, metavar="N", help="refuse if it was changed since this version")
    for action in (create, listing, get, change, delete, why):
        add_config(action)
        add_json(action)


def run(args: argparse.Namespace) -> int:
    return finished(_Desk(stored_settings(args), args).run())


class _Desk:
    """One command."""

    def __init__(self, settings: Settings, args: argparse.Namespace) -> None:
        self._settings = settings
        self._args = args
        self._changes = PlanChanges()
        self._keys = open_records(settings.stores.records_url)
        self._records = open_plans(settings.stores.records_url, self._keys)
        self._service = PlanService(self._records, SystemClock(), self._changes, LoggedEvents())

    async def run(self) -> int:
        actions: dict[str, Callable[[], Awaitable[None]]] = {
            "create": self._create,
            "list": self._list,
            "get": self._get,
            "set": self._set,
            "delete": self._delete,
            "explain": self._explain,
        }
        try:
            await actions[self._args.action]()
            await self._changes.tell(self._settings)
            return 0
        finally:
            await self._records.aclose()
            await self._keys.aclose()

    async def _create(self) -> None:
        tenant, kind, id_ = await self._named()
        body = read_plan({"entity_type": kind, "entity_id": id_, "tenant_id": tenant, **_body(self._args, {})})
        self._print(await self._service.create(CLI, tenant, kind, id_, content(body, time.time())))

    async def _set(self) -> None:
        tenant, kind, id_ = await self._named()
        version = self._args.version

        def edit(plan: Plan) -> Plan:
            shown = whole_plan(plan)
            kept = {
                name: shown[name]
                for name in ("model_permissions", "default_limits", "model_limits", "caps", "budget_id", "active", "metadata")
            }
            raised = (kept["caps"] or {}).get("raised")
            if raised is not None and raised["until"] <= time.time():  # over
                kept["caps"]["raised"] = None
            body = read_plan(_body(self._args, kept))
            return msgspec.structs.replace(plan, **content(body, time.time()))

        self._print(await self._service.change(CLI, tenant, kind, id_, edit, expected=version))

    async def _get(self) -> None:
        self._print(await self._service.get(CLI, *await self._named()))

    async def _delete(self) -> None:
        tenant, kind, id_ = await self._named()
        await self._service.delete(CLI, tenant, kind, id_)
        print(f"deleted the plan of {kind} {id_}")

    async def _list(self) -> None:
        args = self._args
        kind = entity_type(args.type) if args.type else None
        found: list[Plan] = []
        while page := await self._records.list(tenant=args.tenant, entity_type=kind, after=found[-1].usage_id if found else ""):
            found += page
        if args.json:
            print_json([whole_plan(plan) for plan in found])
        else:
            print_table(_HEAD, [_cells(plan) for plan in found])

    async def _explain(self) -> None:
        rows = await explain(self._settings, self._keys, self._records, self._args.key_id, self._args.model)
        if self._args.json:
            print_json(rows)
        else:
            head = ("counter", "dimension", "limit", "seconds", "used")
            print_table([name.upper() for name in head], [["-" if row[name] is None else str(row[name]) for name in head] for row in rows])

    async def _named(self) -> tuple[str, Any, str]:
        kind = entity_type(self._args.type)
        if kind == "API_KEY" and not self._args.tenant and (record := await self._keys.get(self._args.id)) is not None:
            return record.tenant, kind, self._args.id
        return self._args.tenant or (self._args.id if kind == "TENANT" else SYSTEM), kind, self._args.id

    def _print(self, plan: Plan) -> None:
        if self._args.json:
            print_json(whole_plan(plan))
        else:
            print_table(_HEAD, [_cells(plan)])


def _body(args: argparse.Namespace, before: dict[str, Any]) -> dict[str, Any]:
    """What was given, over what was there. Raises InvalidField."""
    body = dict(before)
    limits, caps = dict(body.get("default_limits") or {}), dict(body.get("caps") or {})
    limits |= {name: _number(value, name) for name in _LIMITS if (value := getattr(args, name)) is not None}
    caps |= {name: _number(value, name) for name in _CAPS if (value := getattr(args, name)) is not None}
    if args.algorithm is not None:
        limits["algorithm"] = None if args.algorithm == "none" else args.algorithm
    body |= {"default_limits": limits, "caps": caps if any(caps.get(name) is not None for name in _CAPS) else None}
    if args.models is not None:
        body["model_permissions"] = None if args.models == "none" else [name for part in args.models.split(",") if (name := part.strip())]
    if args.active is not None:
        body["active"] = args.active == "yes"
    if args.body is not None:
        try:
            more = msgspec.json.decode(args.body, type=dict[str, Any])
        except msgspec.MsgspecError as exc:
            raise InvalidField(f"is no JSON object: {exc}", "body") from None
        body |= more
    return body


def _number(text: str, name: str) -> float | None:
    if text == "none":
        return None
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        raise InvalidField("must be a number, or none", name) from None


def _cells(plan: Plan) -> tuple[str, ...]:
    shown = whole_plan(plan)
    limits = " ".join(f"{name}={value}" for name, value in shown["default_limits"].items())
    caps = " ".join(f"{name}={value:g}" for name, value in (shown["caps"] or {}).items() if name in _CAPS)
    models = ",".join(plan.model_permissions)
    return (
        plan.entity_type,
        plan.entity_id,
        plan.tenant,
        "yes" if plan.active else "no",
        models,
        limits or "-",
        caps or "-",
        str(plan.version),
    )
