"""`dynamodb://REGION?…`: where the tables are and what they are called.

Without a region it is AWS_DEFAULT_REGION's or the profile's; credentials are found as in every AWS SDK and never stand in the URL.
"""

from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from proxy.core.errors import Unavailable

RECORDS_TABLE = "llm-edge-records"
PLANS_TABLE = "llm-edge-usage-plans"
LOGS_TABLE = "llm-edge-usage-logs"
CONNECTIONS = 8
TIMEOUT_MS = 2000
LOG_DAYS = 30


class DynamoUrl(NamedTuple):
    region: str | None = None
    endpoint: str | None = None
    """Of a server that is not AWS's."""
    table: str = RECORDS_TABLE
    """Keys, answers, overlays, sums of usage."""
    plans_table: str = PLANS_TABLE
    logs_table: str = LOGS_TABLE
    connections: int = CONNECTIONS
    """At most, of one process."""
    timeout_s: float = TIMEOUT_MS / 1e3
    """Of a call."""
    log_days: int = LOG_DAYS
    """Until a usage log's `ttl`."""


def parse(url: str) -> DynamoUrl:
    """Raises Unavailable: the settings check no more of the URL than its scheme."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise Unavailable("stores.records: credentials do not belong in a dynamodb URL; AWS_ACCESS_KEY_ID, a profile or a role give them")
    given = dict(parse_qsl(parts.query, keep_blank_values=False))
    unknown = sorted(given.keys() - {"endpoint", "table", "plans_table", "logs_table", "connections", "timeout_ms", "log_days"})
    if unknown:
        raise Unavailable(f"stores.records: a dynamodb URL has no {unknown[0]}")
    return DynamoUrl(
        parts.netloc or None,
        given.get("endpoint"),
        given.get("table", RECORDS_TABLE),
        given.get("plans_table", PLANS_TABLE),
        given.get("logs_table", LOGS_TABLE),
        _number(given, "connections", CONNECTIONS),
        _number(given, "timeout_ms", TIMEOUT_MS) / 1e3,
        _number(given, "log_days", LOG_DAYS),
    )


def _number(given: dict[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1_000_000:
        raise Unavailable(f"stores.records: {name} must be a whole number greater than 0, not {text!r}")
    return int(text)
