"""Cache settings."""

from typing import Any

import pytest
from pydantic import ValidationError

from proxy.settings.cache import CacheSettings


@pytest.mark.parametrize(
    "fields",
    [
        {"when": "sometimes"},
        {"l1": {"max_entries": 0}},
        {"l1": {"ttl_s": 0}},
        {"l2": {"prefix": ""}},
        {"l2": {"redis": "embedded"}},
        {"scope": "all"},
    ],
)
def test_values_out_of_range_are_refused(fields: dict[str, Any]) -> None:
    """Sizes, times, words, URLs."""
    with pytest.raises(ValidationError):
        CacheSettings.model_validate(fields)


def test_the_l2_cache_may_have_a_redis_of_its_own() -> None:
    """So that evictions never touch limits."""
    made = CacheSettings.model_validate({"l2": {"redis": "rediss://:p@h/0"}})
    assert "p@" not in repr(made)
