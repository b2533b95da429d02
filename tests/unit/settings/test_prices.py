"""Own prices, short and as rows."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from proxy.settings import Settings, SettingsError, load_settings
from proxy.settings.prices import PriceRow, PriceSettings
from proxy.settings.show import as_json

ECHO = {"echo": {"kind": "echo"}}


def prices(**models: Any) -> dict[str, PriceSettings]:
    return Settings.of(providers=ECHO, prices=models).prices


def test_a_list_is_its_rows() -> None:
    """The same as a mapping with `rows` alone; the short form may stand beside rows."""
    rows = [{"meter": "output", "pico_usd": 5}]
    assert prices(m=rows) == prices(m={"rows": rows})
    assert prices(m={"input": 2, "rows": rows})["m"].input == 2
    assert prices(m=rows)["m"].rows == (PriceRow(meter="output", pico_usd=5),)


@pytest.mark.parametrize("day", ["2026-11-01", date(2026, 11, 1)])
def test_days(day: Any) -> None:
    """As text or as Python has them."""
    assert PriceRow(meter="input", pico_usd=1, valid_from=day).valid_from == "2026-11-01"


@pytest.mark.parametrize("day", ["2026-13-01", "1st of May", 20261101, ""])
def test_no_days(day: Any) -> None:
    """Neither a number nor half a date."""
    with pytest.raises(ValidationError):
        PriceRow(meter="input", pico_usd=1, valid_from=day)


@pytest.mark.parametrize(
    ("model", "path", "message"),
    [
        ([{"meter": "inptu", "pico_usd": 1}], "prices.m[0].meter", 'did you mean "input"?'),
        ([{"meter": "input", "pico_usd": 1.5}], "prices.m[0].pico_usd", "integer"),
        ([{"meter": "input", "pico_usd": -1}], "prices.m[0].pico_usd", "greater than or equal to 0"),
        ([{"meter": "input"}], "prices.m[0].pico_usd", "missing"),
        ([{"meter": "input", "pico_usd": 1, "unit": "second"}], "prices.m[0].unit", "must be one of token"),
        ([{"meter": "input", "pico_usd": 1, "when": {"cache_tl": "1h"}}], "prices.m[0].when.cache_tl", 'did you mean "cache_ttl"?'),
        ([{"meter": "input", "pico_usd": 1, "when": {"cache_ttl": "1h"}}], "prices.m[0]", "a condition of cache_write, not of input"),
        ([{"meter": "cache_write", "pico_usd": 1, "when": {"cache_ttl": "2h"}}], "prices.m[0].when.cache_ttl", "must be one of 5m, 1h"),
        ([{"meter": "input", "pico_usd": 1}] * 2, "prices.m", "row 1 prices input a second time"),
        ({"input": 1, "rows": [{"meter": "input", "pico_usd": 1}]}, "prices.m", "row 0 prices input a second time"),
        ({"rows": [{"meter": "inptu", "pico_usd": 1}]}, "prices.m.rows[0].meter", 'did you mean "input"?'),
        ([5], "prices.m[0]", "must be a mapping"),
        (5, "prices.m", "must be a mapping"),
    ],
)
def test_mistakes_are_named_as_they_were_written(model: Any, path: str, message: str) -> None:
    """Without a word that only the schema has."""
    with pytest.raises(SettingsError) as caught:
        prices(m=model)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert message in problem.message


def test_mistakes_have_their_line_and_column(tmp_path: Path) -> None:
    """Of the very value; a day that YAML itself cannot read, too."""
    file = tmp_path / "c.yaml"
    file.write_text(
        "providers: {echo: {kind: echo}}\n"
        "prices:\n"
        "  openai/m:\n"
        "    - {meter: input, pico_usd: 1}\n"
        "    - {meter: output, pico_usd: x}\n"
        "    - meter: output\n"
        "      pico_usd: 1\n"
        "      valid_from: 2026-13-01\n"
    )
    with pytest.raises(SettingsError) as caught:
        load_settings(str(file), environ={}, dotenv=None)
    assert [problem.where for problem in caught.value.problems] == ["c.yaml:5:23", "c.yaml:8:7"]
    assert caught.value.problems[1].message == "must be a date such as 2026-11-01"


def test_they_can_be_shown_and_digested() -> None:
    """As JSON values; another day is another configuration."""
    one, other = (
        Settings.of(providers=ECHO, prices={"m": [{"meter": "input", "pico_usd": 1, "valid_from": day}]})
        for day in ("2026-11-01", "2026-11-02")
    )
    assert as_json(one)["config"]["prices"]["m"]["rows"][0]["valid_from"] == "2026-11-01"
    assert one.digest() != other.digest()
    assert one.not_yet() == []
