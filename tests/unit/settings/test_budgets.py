"""`budgets`, and what has to go with it."""

import pytest
from pydantic import ValidationError

from proxy.settings import Settings, SettingsError
from proxy.settings.budgets import BudgetsSettings, UnpricedPrice

ECHO = {"echo": {"kind": "echo"}}


def test_models_without_a_price() -> None:
    """Refused, by either word; or a price."""
    assert BudgetsSettings.model_validate({"unpriced": "refuse"}).unpriced is None
    assert BudgetsSettings.model_validate({"unpriced": {"input": 1, "output": 2}}).unpriced == UnpricedPrice(input=1, output=2)


@pytest.mark.parametrize(
    "fields",
    [{"warn_at": 2}, {"default_monthly_usd": -1}, {"default_monthly_usd": float("inf")}, {"unpriced": {"input": 1}}, {"unpriced": "free"}],
)
def test_absurd_budgets_are_refused(fields: dict[str, object]) -> None:
    """Negative, endless, half a price."""
    with pytest.raises(ValidationError):
        BudgetsSettings.model_validate(fields)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"budgets": {"default_monthly_usd": 1}, "usage": {"enabled": False}}, "needs usage.enabled"),
        ({"budgets": {"webhook_url": "https://x/hook"}}, "needs budgets.webhook_secret"),
        ({"budgets": {"webhook_url": "ftp://x", "webhook_secret": "s"}}, "must be an absolute http"),
    ],
)
def test_what_goes_together(values: dict[str, object], text: str) -> None:
    """A budget needs the ledger, a webhook its secret."""
    with pytest.raises(SettingsError, match=text):
        Settings.of(providers=ECHO, **values)


def test_secrets_do_not_print() -> None:
    """Nor a token in the URL."""
    shown = repr(BudgetsSettings.model_validate({"webhook_url": "https://u:pw@x/h?token=tok", "webhook_secret": "shh"}))
    assert not any(secret in shown for secret in ("pw", "tok&", "shh", "=tok"))
