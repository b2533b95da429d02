"""What the encoder must know of a model to write a request that the model accepts.

Source: platform.claude.com "Thinking" and the migration guides of Opus 4.7 to Sonnet 5.5, read 2026-11-22. Adaptive thinking came with
4.6; 4.7 removed manual budgets and sampling parameters; from 4.1 on `temperature` and `top_p` exclude each other. A name without a
Claude version (another vendor's model behind this dialect) is taken to know what the API's first thinking models knew.
"""

import re
from typing import Literal

import msgspec


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    thinking: Literal["none", "budget", "adaptive"] = "budget"
    """`none`: does not think; `budget`: on demand, with `budget_tokens`; `adaptive`: decides by itself, steered by `effort`."""
    thinks_unasked: bool = False
    """Thinks unless told otherwise."""
    sampling: Literal["both", "one", "none"] = "both"
    """Whether `temperature` and `top_p` are taken together, one at a time or not at all."""


_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[.-](\d{1,2})(?!\d))?")


def model_facts(model: str) -> ModelFacts:
    """By the version in the name: `claude-3-7-sonnet-latest`, `claude-opus-4-8`, `anthropic.claude-sonnet-4-20250514-v1:0`."""
    found = _VERSION.search(model)
    if found is None:
        return ModelFacts()
    version = (int(found[1]), int(found[2] or 0))
    return ModelFacts(
        thinking="none" if version < (3, 7) else "budget" if version < (4, 6) else "adaptive",
        thinks_unasked=version >= (5, 0),
        sampling="both" if version < (4, 1) else "one" if version < (4, 7) else "none",
    )
