"""Reports are exact, and harmless in a spreadsheet."""

import csv
import io

import msgspec

from proxy.governance.metering.report import FOCUS, NUMBERS, as_bars, as_csv, as_svg, focus_rows, row_of, usd
from proxy.storage.usage import UsageRecord, UsageSum

SUM = UsageSum(
    group=("=cmd", "gpt-4o"), requests=2, input_tokens=10, cache_read_tokens=1, cache_write_tokens=0, output_tokens=5, cost_nanos=1_500,
    unpriced=0, errors=1,
)  # fmt: skip


def test_money_is_not_rounded() -> None:
    """To the nano-USD."""
    assert row_of(SUM, ("key", "model"))["cost_usd"] == "0.000001500"
    assert usd(-1) == "-0.000000001"


def test_csv_is_no_formula() -> None:
    """A text that begins like one is told apart."""
    text = as_csv([row_of(SUM, ("key", "model"))], ("key", "model", *NUMBERS))
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["key"], row["model"], row["requests"]) == ("'=cmd", "gpt-4o", "2")


def test_bars() -> None:
    """Money where there is any, else requests."""
    dear = as_bars([SUM], ("key", "model"))
    assert "cost in USD" in dear
    assert "█" * 40 in dear
    free = as_bars([msgspec.structs.replace(SUM, group=(), requests=3, cost_nanos=0)], ())
    assert "requests" in free
    assert free.splitlines()[1].startswith("all")
    assert as_bars([], ()) == "nothing in this period"


def test_a_plot() -> None:
    """Names are escaped."""
    picture = as_svg([msgspec.structs.replace(SUM, group=("<b>",))], ("key",))
    assert "&lt;b&gt;" in picture
    assert picture.startswith("<svg")


def test_charges_add_up() -> None:
    """A row for each kind of token; the sum is what the records cost."""
    records = [
        UsageRecord(
            id=str(n),
            at=1_795_651_200.0 + n,
            tenant="t",
            key_id="k",
            key_name="ci",
            provider="openai",
            model="gpt-4o",
            input_tokens=10,
            output_tokens=5,
            costs={"input": 100, "output": 7, "other": 3},
            cost_nanos=110,
        )
        for n in range(3)
    ]
    rows = focus_rows(records)
    assert all(set(row) == set(FOCUS) for row in rows)
    assert sum(round(float(row["BilledCost"]) * 1e9) for row in rows) == 330
    by_sku = {row["SkuId"]: row for row in rows}
    assert (by_sku["gpt-4o/input"]["ConsumedQuantity"], by_sku["gpt-4o/input"]["ConsumedUnit"]) == (30, "Tokens")
    assert by_sku["gpt-4o/other"]["ConsumedUnit"] == "Calls"
    assert by_sku["gpt-4o/input"]["BillingPeriodEnd"] == "2026-12-01T00:00:00.000Z"
    assert by_sku["gpt-4o/input"]["SubAccountName"] == "ci"
