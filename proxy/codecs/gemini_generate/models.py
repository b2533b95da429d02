"""What a model accepts, by its name.

Source: ai.google.dev "Thinking", "Function calling", "Gemini 3 guide", read 2026-11-25. A name that says no version counts as the newest.
"""

import re

import msgspec

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_PLAIN = re.compile(r"gemma|embedding|imagen|learnlm|-image")


class ModelFacts(msgspec.Struct, frozen=True):
    thinking: str = "levels"
    """"none", "budget" (`thinkingBudget`) or "levels" (`thinkingLevel`)."""
    min_budget: int = 0
    """Least `thinkingBudget`: 0 where thinking can be turned off."""
    max_budget: int = 24576
    lowest: str = "minimal"
    """Least `thinkingLevel`: these models always think."""
    signed: bool = True
    """Function calls of the history need a signature."""
    nested_media: bool = True
    """A function's response may carry files (`functionResponse.parts`)."""


def model_facts(model: str) -> ModelFacts:
    name = model.lower()
    found = _VERSION.search(name)
    version = (int(found[1]), int(found[2] or 0)) if found else (99, 0)
    if version < (2, 5) or _PLAIN.search(name):
        return ModelFacts(thinking="none", signed=version >= (3, 0) and "gemini" in name, nested_media=False)
    if version < (3, 0):
        if "pro" in name:
            return ModelFacts(thinking="budget", min_budget=128, max_budget=32768, signed=False, nested_media=False)
        return ModelFacts(thinking="budget", signed=False, nested_media=False)
    return ModelFacts(lowest="low" if "pro" in name else "minimal")
