"""Reports over the ledger: rows for JSON and CSV, a plot, and provider invoices in the columns of FOCUS.

Source of the columns: FinOps Open Cost and Usage Specification (FOCUS) 1.2, read 2026-11-26.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from proxy.core.clock import utc_iso
from proxy.core.money import NANOS_PER_USD, usd_text
from proxy.storage.usage import GroupBy, UsageRecord, UsageSum

NUMBERS = ("requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "cost_usd", "unpriced", "errors")
BAR = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"

FOCUS = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory",
    "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit",
    "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingCategory", "PricingQuantity", "PricingUnit", "ProviderName",
    "PublisherName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "SkuId", "SubAccountId",
    "SubAccountName", "Tags",
)  # fmt: skip
_KINDS = {"input": "input_tokens", "cache_read": "cache_read_tokens", "cache_write": "cache_write_tokens", "output": "output_tokens"}


def usd(nanos: int) -> str:
    """Exact, with nine decimals."""
    return usd_text(nanos).decode() if nanos >= 0 else "-" + usd_text(-nanos).decode()


def row_of(sum_: UsageSum, by: Sequence[GroupBy]) -> dict[str, Any]:
    """Groups by their names, then the numbers; `cost_usd` is a text, so that nothing of it is rounded."""
    return {
        **dict(zip(by, sum_.group, strict=True)),
        "requests": sum_.requests,
        "input_tokens": sum_.input_tokens,
        "cache_read_tokens": sum_.cache_read_tokens,
        "cache_write_tokens": sum_.cache_write_tokens,
        "output_tokens": sum_.output_tokens,
        "cost_usd": usd(sum_.cost_nanos),
        "unpriced": sum_.unpriced,
        "errors": sum_.errors,
    }


def as_csv(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> str:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(columns), lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return out.getvalue()


def as_bars(sums: Sequence[UsageSum], by: Sequence[GroupBy]) -> str:
    """Cost as bars in the terminal; requests where nothing cost anything."""
    if not sums:
        return "nothing in this period"
    money = any(s.cost_nanos for s in sums)
    values = [s.cost_nanos if money else s.requests for s in sums]
    names = [" ".join(value or "-" for value in s.group) or "all" for s in sums]
    width, most = max(map(len, names)), max(values) or 1
    lines = [f"{'/'.join(by) or 'all':<{width}}  {'cost in USD' if money else 'requests'}"]
    for name, value, sum_ in zip(names, values, sums, strict=True):
        shown = f"{value / NANOS_PER_USD:.6f}" if money else str(value)
        lines.append(f"{name:<{width}}  {_bar(value / most):<{BAR}} {shown}  ({sum_.requests} requests)")
    return "\n".join(lines)


def as_svg(sums: Sequence[UsageSum], by: Sequence[GroupBy]) -> str:
    """The same as a picture of its own."""
    values = [s.cost_nanos / NANOS_PER_USD for s in sums]
    most, height = max(values, default=0.0) or 1.0, 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{height * len(sums) + 40}" font-family="sans-serif" font-size="13">',
        f'<text x="8" y="20" font-weight="bold">Cost in USD by {escape("/".join(by) or "all")}</text>',
    ]
    for n, (sum_, value) in enumerate(zip(sums, values, strict=True)):
        top = 34 + n * height
        name = escape(" ".join(v or "-" for v in sum_.group) or "all")
        parts.append(f'<text x="8" y="{top + 14}">{name[:40]}</text>')
        parts.append(f'<rect x="280" y="{top}" width="{320 * value / most:.1f}" height="18" fill="#4477aa"/>')
        parts.append(f'<text x="{286 + 320 * value / most:.1f}" y="{top + 14}">{value:.6f}</text>')
    return "\n".join([*parts, "</svg>"])


def focus_rows(records: Iterable[UsageRecord]) -> list[dict[str, Any]]:
    """A row for each day, tenant, key, provider, model and kind of token; calls that cost nothing, or nobody knows what, are no charges."""
    found: dict[tuple[str, ...], list[int]] = {}
    names: dict[str, str] = {}
    for record in records:
        names[record.key_id] = record.key_name
        for kind, nanos in record.costs.items():
            tokens = getattr(record, _KINDS[kind]) if kind in _KINDS else 0
            at = found.setdefault((utc_iso(record.at)[:10], record.tenant, record.key_id, record.provider, record.model, kind), [0, 0])
            at[0] += nanos
            at[1] += tokens
    return [_focus(key, sums[0], sums[1], names) for key, sums in sorted(found.items())]


def _focus(key: tuple[str, ...], nanos: int, tokens: int, names: dict[str, str]) -> dict[str, Any]:
    day, tenant, key_id, provider, model, kind = key
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    month = begin.replace(day=1)
    cost = usd(nanos)
    unit = "Tokens" if kind in _KINDS else "Calls"
    return {
        "BilledCost": cost,
        "BillingAccountId": tenant,
        "BillingAccountName": tenant,
        "BillingCurrency": "USD",
        "BillingPeriodStart": utc_iso(month.timestamp()),
        "BillingPeriodEnd": utc_iso((month + timedelta(days=32)).replace(day=1).timestamp()),
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeDescription": f"{model} {kind.replace('_', ' ')}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": utc_iso(begin.timestamp()),
        "ChargePeriodEnd": utc_iso((begin + timedelta(days=1)).timestamp()),
        "ConsumedQuantity": tokens,
        "ConsumedUnit": unit,
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "InvoiceIssuerName": provider,
        "ListCost": cost,
        "PricingCategory": "Standard",
        "PricingQuantity": tokens,
        "PricingUnit": unit,
        "ProviderName": provider,
        "PublisherName": provider,
        "ResourceId": model,
        "ResourceName": model,
        "ResourceType": "Model",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": provider,
        "SkuId": f"{model}/{kind}",
        "SubAccountId": key_id,
        "SubAccountName": names.get(key_id, ""),
        "Tags": json.dumps({"kind": kind}),
    }


def _bar(share: float) -> str:
    eighths = round(share * BAR * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _harmless(value: Any) -> Any:
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and value != "-" else value
