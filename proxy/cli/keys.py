"""Create, list, show, change, rotate, disable, enable and revoke the API keys of the record store.

A key is shown once, when it is made; the store keeps its SHA-256. Gateways that run hear of a change at once where they share a Redis
(stores.redis), else they take notice within auth.key_cache_ttl_s."""

import argparse
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from proxy.admin import key_views
from proxy.admin.events import LoggedEvents
from proxy.admin.key_fields import apply, properties, read_fields
from proxy.admin.key_service import Actor, KeyService, check_overlap
from proxy.cli.common import add_config, add_json, finished, print_json, print_table, stored_settings
from proxy.cli.key_import import import_agenthub
from proxy.cli.key_options import add_options, body_of, span
from proxy.cli.notices import KeyChanges
from proxy.core.clock import SystemClock, utc_iso
from proxy.core.errors import InvalidField
from proxy.core.identity import Roles
from proxy.settings import Settings
from proxy.storage.issue import new_access_key, new_agent_key, new_key, signing_secret
from proxy.storage.open import open_records
from proxy.storage.records import KeyRecord, KeyRecords

EXAMPLES = """examples:
  llm-edge keys create --role admin --name ops
  llm-edge keys create --tenant acme --team search --models gpt-4o,smart --rpm 60 --monthly-budget-usd 50 --expires 90d
  llm-edge keys create --aws --name batch
  llm-edge keys list --status active --json
  llm-edge keys update lek_… --rpm 120 --models none
  llm-edge keys rotate lek_… --overlap 48h
  llm-edge keys revoke lek_…
  llm-edge keys import-agenthub redis://localhost:6379/0"""

CLI = Actor(key_id="cli")
_HEAD = ("KEY_ID", "ROLE", "STATUS", "TENANT", "NAME", "CREATED", "EXPIRES", "LAST USED")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and print it", epilog="example: llm-edge keys create --name ci --expires 30d")
    add_options(create, creating=True)
    create.add_argument("--aws", action="store_true", help="an access key id and secret, for AWS SDKs that sign their requests")
    create.add_argument("--door", choices=["agent"], help="agent: a csa_… key, with the agent gateway's limits and budget")
    listing = actions.add_parser("list", help="list keys", epilog="example: llm-edge keys list --json")
    listing.add_argument("--status", choices=["active", "revoked", "disabled"])
    listing.add_argument("--tenant", metavar="ID")
    get = actions.add_parser("get", help="show all of a key but itself", epilog="example: llm-edge keys get lek_… --json")
    update = actions.add_parser("update", help="change a key", epilog="example: llm-edge keys update lek_… --rpm 120 --models smart")
    add_options(update, creating=False)
    update.add_argument("--version", type=int, metavar="N", help="refuse if it was changed since this version")
    rotate = actions.add_parser(
        "rotate", help="replace a key by one of the same rights", epilog="example: llm-edge keys rotate lek_… --overlap 48h"
    )
    rotate.add_argument("--overlap", type=span, default=0.0, metavar="SPAN", help="so long the old key lives on (30m, 48h; default: 0)")
    disable = actions.add_parser("disable", help="stop a key until it is enabled again", epilog="example: llm-edge keys disable lek_…")
    enable = actions.add_parser("enable", help="end that", epilog="example: llm-edge keys enable lek_…")
    revoke = actions.add_parser("revoke", help="end a key for good", epilog="example: llm-edge keys revoke lek_…")
    agenthub = actions.add_parser(
        "import-agenthub",
        help="copy agenthub's keys out of its Redis; may be run again",
        epilog="example: llm-edge keys import-agenthub redis://localhost:6379/0 (with agenthub's API_KEY_SIGNING_SECRET set)",
    )
    agenthub.add_argument("redis_url", metavar="REDIS_URL", help="of agenthub's Redis, which is only read")
    for action in (get, update, rotate, disable, enable, revoke):
        action.add_argument("key_id", metavar="KEY_ID", help="the part of the key before the dot")
    for action in (create, listing, get, update, rotate, disable, enable, revoke, agenthub):
        add_config(action)
        add_json(action)


def run(args: argparse.Namespace) -> int:
    return finished(_Desk(stored_settings(args), args).run())


class _Desk:
    """One command."""

    def __init__(self, settings: Settings, args: argparse.Namespace) -> None:
        self._settings = settings
        self._args = args
        self._roles = Roles({name: role.scopes for name, role in settings.auth.roles.items()})
        self._changes = KeyChanges()
        self._records: KeyRecords = open_records(settings.stores.records_url)
        self._service = KeyService(self._records, SystemClock(), self._changes, LoggedEvents(), self._roles)

    async def run(self) -> int:
        actions: dict[str, Callable[[], Awaitable[int]]] = {
            "create": self._create,
            "list": self._list,
            "get": self._get,
            "update": self._update,
            "rotate": self._rotate,
            "disable": self._disable,
            "enable": self._enable,
            "revoke": self._revoke,
            "import-agenthub": self._import,
        }
        try:
            code = await actions[self._args.action]()
            await self._changes.tell(self._settings)
            return code
        finally:
            await self._records.aclose()

    async def _create(self) -> int:
        args, now = self._args, time.time()
        own = properties(read_fields(body_of(args), self._roles, now), now)
        if args.aws and args.door:
            raise InvalidField("an access key has no door", "aws")
        if args.door == "agent":
            key, record = new_agent_key(now, **own)
            self._print_key(await self._service.create(CLI, key, record), record)
            return 0
        secret = await self._secret()
        if args.aws:
            access_key, secret_key, record = new_access_key(secret, now, **own)
            await self._service.create(CLI, secret_key, record)
            self._print_access_key(access_key, secret_key, record)
            return 0
        key, record = new_key(secret, now, **own)
        self._print_key(await self._service.create(CLI, key, record), record)
        return 0

    async def _list(self) -> int:
        args = self._args
        found: list[KeyRecord] = []
        while page := await self._records.list(status=args.status, tenant=args.tenant, after=found[-1].key_id if found else ""):
            found += page
        if args.json:
            print_json([facts(record) for record in found])
        else:
            print_table(_HEAD, [_cells(record) for record in found])
        return 0

    async def _get(self) -> int:
        self._print_record(await self._service.get(CLI, self._args.key_id))
        return 0

    async def _update(self) -> int:
        now = time.time()
        body = read_fields(body_of(self._args), self._roles, now)
        record = await self._service.change(CLI, self._args.key_id, lambda stored: apply(body, stored, now), expected=self._args.version)
        self._print_record(record)
        return 0

    async def _rotate(self) -> int:
        overlap_s = check_overlap(self._args.overlap)
        self._print_key(*await self._service.rotate(CLI, self._args.key_id, await self._secret(), overlap_s=overlap_s))
        return 0

    async def _disable(self) -> int:
        return self._said(await self._service.disable(CLI, self._args.key_id), "disabled")

    async def _enable(self) -> int:
        return self._said(await self._service.enable(CLI, self._args.key_id), "enabled")

    async def _revoke(self) -> int:
        return self._said(await self._service.revoke(CLI, self._args.key_id), "revoked")

    async def _import(self) -> int:
        before = self._settings.auth.previous_signing_secret
        secrets = [await self._secret(), *([before.get_secret_value().encode()] if before is not None else [])]
        done = await import_agenthub(self._args.redis_url, self._records, self._service, CLI, *secrets)
        if self._args.json:
            print_json(done.as_dict())
        else:
            print(done.as_text())
        return 0 if not done.unreadable else 1

    async def _secret(self) -> bytes:
        configured = self._settings.auth.signing_secret
        return await signing_secret(self._records, configured.get_secret_value() if configured is not None else None)

    def _said(self, record: KeyRecord, what: str) -> int:
        message = f"API key {record.key_id} {what} successfully"
        if self._args.json:
            print_json({"key_id": record.key_id, "status": record.status, "message": message})
        else:
            print(message)
        return 0

    def _print_key(self, key: str, record: KeyRecord) -> None:
        """The key alone on standard output, so that `KEY=$(llm-edge keys create)` works."""
        if self._args.json:
            print_json({"api_key": key, **facts(record)})
            return
        print(key)
        print(f"{record.role} key {record.key_id}; it is not shown again", file=sys.stderr)

    def _print_access_key(self, access_key: str, secret_key: str, record: KeyRecord) -> None:
        """As lines for a shell: `eval "$(llm-edge keys create --aws)"` works."""
        if self._args.json:
            print_json({"access_key_id": access_key, "secret_access_key": secret_key, **facts(record)})
            return
        print(f"export AWS_ACCESS_KEY_ID={access_key}\nexport AWS_SECRET_ACCESS_KEY={secret_key}")
        print(f"{record.role} access key {access_key}; the secret is not shown again", file=sys.stderr)

    def _print_record(self, record: KeyRecord) -> None:
        if self._args.json:
            print_json(facts(record))
            return
        shown = {name: value for name, value in facts(record).items() if value not in (None, "", [], {})}
        width = max(len(name) for name in shown)
        for name, value in shown.items():
            print(f"{name.ljust(width)}  {_shown(value)}")


def facts(record: KeyRecord) -> dict[str, Any]:
    """As the admin API shows all of a key, with our own kind of times throughout."""
    times = {name: getattr(record, name) for name in ("created_at", "last_used", "revoked_at")}
    return key_views.whole(record) | {name: utc_iso(at) if at is not None else None for name, at in times.items()}


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={item}" for name, item in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _cells(record: KeyRecord) -> Sequence[str]:
    shown = facts(record)
    names = ("key_id", "role", "status", "tenant_id", "name", "created_at", "expires_at", "last_used")
    return [shown[name] or "-" for name in names]
