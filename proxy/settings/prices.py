"""`prices`: own prices by model, or by `provider/model`. They win over the catalogue's."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from proxy.settings.base import NonNegative, Section

RowMeter = Literal["input", "output", "cache_read", "cache_write", "cache_write_1h", "input_audio", "output_audio"]


def _text_of_day(value: Any) -> Any:
    """A date of Python's or YAML's as its text; a moment of a day is none."""
    return value.isoformat() if type(value) is date else value


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("must be a date such as 2026-11-01") from None


Day = Annotated[str, BeforeValidator(_text_of_day), AfterValidator(_day)]


class PriceWhen(Section):
    service_tier: str | None = Field(
        None, min_length=1, max_length=40, description="As the provider's answer names it (`flex`, `priority`, `batch`); null: standard."
    )
    context_over: int = Field(0, ge=0, description="Holds for prompts of more tokens than this, cached ones included.")
    cache_ttl: Literal["5m", "1h"] | None = Field(None, description="Of `cache_write`: how long the entry lives; null: however long.")


class PriceRow(Section):
    meter: RowMeter = Field(description="What is counted. `cache_write_1h` is `cache_write` with `cache_ttl: 1h`.")
    unit: Literal["token"] = Field("token", description="What one is.")
    pico_usd: int = Field(ge=0, description="Price of one unit in 10⁻¹² USD: 3 USD per million tokens are 3000000.")
    when: PriceWhen = Field(PriceWhen(), description="Conditions; all must hold.")
    valid_from: Day | None = Field(None, description="Date from which it holds, midnight UTC; null: always.")

    @model_validator(mode="after")
    def _lifetime_of_what(self) -> Self:
        if self.when.cache_ttl is not None and self.meter != "cache_write":
            raise ValueError(f"when.cache_ttl is a condition of cache_write, not of {self.meter}")
        return self


class PriceSettings(Section):
    """Prices of one model in USD per million tokens, or a list of rows, which is the same as a mapping with `rows` alone."""

    input: NonNegative | None = Field(None, description="Uncached input, in USD per million tokens.")
    output: NonNegative | None = Field(None, description="Output with reasoning, in USD per million tokens.")
    cache_read: NonNegative | None = Field(None, description="Input read from the provider's cache, in USD per million tokens.")
    cache_write: NonNegative | None = Field(None, description="Input written to the provider's cache, in USD per million tokens.")
    rows: tuple[PriceRow, ...] = Field((), description="Prices with conditions, beside or instead of those above.")

    @model_validator(mode="before")
    @classmethod
    def _list_of_rows(cls, value: Any) -> Any:
        return {"rows": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _one_price_each(self) -> Self:
        plain = [name for name in ("input", "output", "cache_read", "cache_write") if getattr(self, name) is not None]
        seen: set[tuple[object, ...]] = {(name, PriceWhen(), None) for name in plain}
        for index, row in enumerate(self.rows):
            key = (row.meter, row.when, row.valid_from)
            if key in seen:
                raise ValueError(f"row {index} prices {row.meter} a second time under the same conditions")
            seen.add(key)
        return self
