"""The options of `llm-edge keys` that say what a key is, and the body that they make (as `POST /v1/admin/api-keys` takes it)."""

import argparse
import re
import time
from datetime import UTC, datetime
from typing import Any

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_CLEAR = "none"
_LIMITS = ("rpm", "input_tpm", "output_tpm", "concurrency", "qps", "burst")


def add_options(parser: argparse.ArgumentParser, *, creating: bool) -> None:
    add = parser.add_argument
    add(
        "--role",
        default="client" if creating else None,
        help="admin, developer, client or one of auth.roles" + " (default: client)" * creating,
    )
    add("--name", help="for people")
    if creating:
        add("--tenant", metavar="ID", help="tenant that it belongs to (default: the key is its own)")
    for name in ("user", "team", "service", "project"):
        add(f"--{name}", metavar="ID", help=f"{name} that it acts for")
    add("--expires", type=expiry, metavar="WHEN", help="a span (90m, 12h, 30d) or a time (2027-01-31T12:00:00Z)")
    add("--models", type=_words, metavar="A,B", help="names it may use (default: all)")
    add("--agents", type=_words, metavar="A,B", help="agents it may call (default: all)")
    add("--scopes", type=_words, metavar="A,B", help="scopes beside those of its role (docs/identity.md)")
    add("--allowed-ips", type=_words, metavar="A,B", help="addresses and networks that it may come from (default: any)")
    add("--rpm", type=_number, metavar="N", help="requests a minute")
    add("--input-tpm", type=_number, metavar="N", help="input tokens a minute")
    add("--output-tpm", type=_number, metavar="N", help="output tokens a minute")
    add("--concurrency", type=_number, metavar="N", help="requests at the same time")
    add("--qps", type=_number, metavar="N", help="requests a second, sustained")
    add("--burst", type=_number, metavar="N", help="requests in any one second")
    add("--monthly-budget-usd", type=_number, metavar="USD", help="spend a UTC month")
    add("--metadata", type=_pair, action="append", metavar="K=V", help="a fact for people; may be given again")
    if not creating:
        parser.epilog = (parser.epilog or "") + f"; '{_CLEAR}' takes a property away (--models {_CLEAR}, --rpm {_CLEAR})"


def body_of(args: argparse.Namespace) -> dict[str, Any]:
    """Of what was given."""
    body: dict[str, Any] = {}
    for name in ("role", "name", "tenant", "user", "team", "service", "project", "models", "agents", "scopes", "allowed_ips"):
        value = getattr(args, name, None)
        if value is not None:
            body["tenant_id" if name == "tenant" else name] = None if value in (_CLEAR, (_CLEAR,)) else value
    for option, name in (("expires", "expires_at"), ("monthly_budget_usd", "monthly_budget_usd")):
        value = getattr(args, option)
        if value is not None:
            body[name] = None if value == _CLEAR else value
    limits = {name: None if value == _CLEAR else value for name in _LIMITS if (value := getattr(args, name)) is not None}
    if limits:
        body["limits"] = limits
    if args.metadata:
        body["metadata"] = dict(args.metadata)
    return body


def expiry(text: str) -> float | str:
    """Unix seconds, or the word that takes it away."""
    if text == _CLEAR:
        return text
    if re.fullmatch(r"(\d+)([mhd])", text):
        return time.time() + span(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a span (90m, 12h, 30d) nor a time (2027-01-31)") from None
    unix_s = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    if unix_s <= time.time():
        raise argparse.ArgumentTypeError(f"{text} is in the past")
    return unix_s


def span(text: str) -> float:
    """Seconds: `90s`, `48h`, or a bare number of them."""
    found = re.fullmatch(r"(\d+)([smhd]?)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no span: 90s, 30m, 48h, 2d")
    return float(int(found[1]) * _UNITS[found[2] or "s"])


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _number(text: str) -> int | float | str:
    if text == _CLEAR:
        return text
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not K=V")
    return name, value
