"""Create, list, rotate and revoke the API keys of the record store.

A key is shown once, when it is made; the store keeps its SHA-256. A gateway that runs takes notice within auth.key_cache_ttl_s."""

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import msgspec

from proxy.cli.common import add_config, add_json, print_json, print_table, read_settings
from proxy.core.clock import utc_iso
from proxy.core.identity import SCOPES
from proxy.settings import Problem, Settings, SettingsError
from proxy.settings.suggest import did_you_mean
from proxy.storage.issue import new_access_key, new_key, signing_secret
from proxy.storage.open import open_records, sqlite_path
from proxy.storage.records import KeyRecord, KeyRecords

EXAMPLES = """examples:
  llm-edge keys create --role admin --name ops
  llm-edge keys create --aws --name batch
  llm-edge keys list --status active --json
  llm-edge keys rotate lek_…
  llm-edge keys revoke lek_…"""

_UNITS = {"m": 60, "h": 3600, "d": 86_400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and print it", epilog="example: llm-edge keys create --name ci --expires 30d")
    create.add_argument("--role", choices=["admin", "developer", "client"], default="client", help="default: client")
    create.add_argument("--name", default="", help="for people")
    create.add_argument("--tenant", metavar="ID", help="tenant that it belongs to (default: the key is its own)")
    create.add_argument("--expires", type=_expiry, metavar="WHEN", help="a span (90m, 12h, 30d) or a time (2027-01-31T12:00:00Z)")
    create.add_argument("--models", type=_words, metavar="A,B", help="names it may use (default: all)")
    create.add_argument("--scopes", type=_words, default=(), metavar="A,B", help="scopes it has: provider_objects, routing")
    create.add_argument("--aws", action="store_true", help="an access key id and secret, for AWS SDKs that sign their requests")
    listing = actions.add_parser("list", help="list keys", epilog="example: llm-edge keys list --json")
    listing.add_argument("--status", choices=["active", "revoked", "disabled"])
    listing.add_argument("--tenant", metavar="ID")
    rotate = actions.add_parser("rotate", help="replace a key by one of the same rights", epilog="example: llm-edge keys rotate lek_…")
    revoke = actions.add_parser("revoke", help="end a key", epilog="example: llm-edge keys revoke lek_…")
    for action in (rotate, revoke):
        action.add_argument("key_id", metavar="KEY_ID", help="the part of the key before the dot")
    for action in (create, listing, rotate, revoke):
        add_config(action)
        add_json(action)


def run(args: argparse.Namespace) -> int:
    settings = read_settings(args)
    if settings.stores.embedded_records and sqlite_path(settings.stores.records_url) is None:
        raise SettingsError(Problem("is in memory: it is empty for every process; use sqlite:///file.db", "stores.records"))
    actions = {"create": _create, "list": _list, "rotate": _rotate, "revoke": _revoke}
    records = open_records(settings.stores.records_url)
    return asyncio.run(_closing(records, actions[args.action](records, settings, args)))


async def _closing(records: KeyRecords, action: Coroutine[Any, Any, int]) -> int:
    try:
        return await action
    finally:
        await records.aclose()


async def _create(records: KeyRecords, settings: Settings, args: argparse.Namespace) -> int:
    properties = {
        "role": args.role,
        "name": args.name,
        "tenant": args.tenant,
        "expires_at": args.expires,
        "scopes": args.scopes,
        "models": args.models,
    }
    for scope in sorted(set(args.scopes) - SCOPES):
        print(f"the scope {scope} means nothing in this version{did_you_mean(scope, sorted(SCOPES))}", file=sys.stderr)
    secret = await _secret(records, settings)
    if args.aws:
        access_key, secret_key, record = new_access_key(secret, time.time(), **properties)
        await records.create(record)
        _print_access_key(access_key, secret_key, record, args)
        return 0
    key, record = new_key(secret, time.time(), **properties)
    await records.create(record)
    _print_key(key, record, args)
    return 0


async def _list(records: KeyRecords, settings: Settings, args: argparse.Namespace) -> int:
    found: list[KeyRecord] = []
    while page := await records.list(status=args.status, tenant=args.tenant, after=found[-1].key_id if found else ""):
        found += page
    if args.json:
        print_json([_facts(record) for record in found])
    else:
        head = ("KEY_ID", "ROLE", "STATUS", "TENANT", "NAME", "CREATED", "EXPIRES", "LAST USED")
        print_table(head, [_cells(record) for record in found])
    return 0


async def _rotate(records: KeyRecords, settings: Settings, args: argparse.Namespace) -> int:
    old = await records.get(args.key_id)
    if old is None or old.status != "active":
        return _missing(args.key_id, "not found" if old is None else f"is {old.status}")
    if old.key_id.startswith("LEK"):
        return _missing(args.key_id, "is an access key: make another with keys create --aws, then revoke this one")
    key, fresh = new_key(await _secret(records, settings), time.time())
    tenant = fresh.key_id if old.tenant == old.key_id else old.tenant
    kept = msgspec.structs.replace(
        old, key_id=fresh.key_id, key_hash=fresh.key_hash, created_at=fresh.created_at, tenant=tenant, last_used=None
    )
    await records.create(kept)
    await records.set_status(old.key_id, "revoked")
    _print_key(key, kept, args)
    return 0


async def _revoke(records: KeyRecords, settings: Settings, args: argparse.Namespace) -> int:
    if not await records.set_status(args.key_id, "revoked"):
        return _missing(args.key_id, "not found")
    message = f"API key {args.key_id} revoked successfully"
    if args.json:
        print_json({"key_id": args.key_id, "status": "revoked", "message": message})
    else:
        print(message)
    return 0


async def _secret(records: KeyRecords, settings: Settings) -> bytes:
    configured = settings.auth.signing_secret
    return await signing_secret(records, configured.get_secret_value() if configured is not None else None)


def _print_key(key: str, record: KeyRecord, args: argparse.Namespace) -> None:
    """The key alone on standard output, so that `KEY=$(llm-edge keys create)` works."""
    if args.json:
        print_json({"api_key": key, **_facts(record)})
        return
    print(key)
    print(f"{record.role} key {record.key_id}; it is not shown again", file=sys.stderr)


def _print_access_key(access_key: str, secret_key: str, record: KeyRecord, args: argparse.Namespace) -> None:
    """As lines for a shell: `eval "$(llm-edge keys create --aws)"` works."""
    if args.json:
        print_json({"access_key_id": access_key, "secret_access_key": secret_key, **_facts(record)})
        return
    print(f"export AWS_ACCESS_KEY_ID={access_key}\nexport AWS_SECRET_ACCESS_KEY={secret_key}")
    print(f"{record.role} access key {access_key}; the secret is not shown again", file=sys.stderr)


def _missing(key_id: str, why: str) -> int:
    print(f"API key {key_id} {why}", file=sys.stderr)
    return 1


def _facts(record: KeyRecord) -> dict[str, Any]:
    return {
        "key_id": record.key_id,
        "role": record.role,
        "status": record.status,
        "tenant_id": record.tenant,
        "name": record.name,
        "created_at": utc_iso(record.created_at),
        "expires_at": utc_iso(record.expires_at) if record.expires_at is not None else None,
        "last_used": utc_iso(record.last_used) if record.last_used is not None else None,
        "scopes": list(record.scopes),
        "models": list(record.models) if record.models is not None else None,
    }


def _cells(record: KeyRecord) -> list[str]:
    facts = _facts(record)
    names = ("key_id", "role", "status", "tenant_id", "name", "created_at", "expires_at", "last_used")
    return [facts[name] or "-" for name in names]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _expiry(text: str) -> float:
    """Unix seconds."""
    span = re.fullmatch(r"(\d+)([mhd])", text)
    if span is not None:
        return time.time() + int(span[1]) * _UNITS[span[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a span (90m, 12h, 30d) nor a time (2027-01-31)") from None
    unix_s = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    if unix_s <= time.time():
        raise argparse.ArgumentTypeError(f"{text} is in the past")
    return unix_s
