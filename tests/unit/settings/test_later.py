"""Sections that wait for their features parse with the shape of the product description."""

import pytest
from pydantic import ValidationError

from proxy.settings.later import AgentsSettings, AuditSettings, BudgetsSettings, MaskingSettings


def test_yaml_booleans_are_words() -> None:
    """`previews: off` and `provider: off` arrive as false."""
    assert AuditSettings.model_validate({"previews": False}).previews == "off"
    assert MaskingSettings.model_validate({"provider": True}).provider == "on"


def test_agents_take_any_key() -> None:
    """Their shape is not decided yet."""
    assert (AgentsSettings.model_validate({"x": {"y": 1}}).model_extra or {})["x"] == {"y": 1}


@pytest.mark.parametrize(("model", "fields"), [(BudgetsSettings, {"warn_at": 2})])
def test_they_are_checked_all_the_same(model: type[BudgetsSettings], fields: dict[str, object]) -> None:
    """What is wrong now would be wrong later."""
    with pytest.raises(ValidationError):
        model.model_validate(fields)
