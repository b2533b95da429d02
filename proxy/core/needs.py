"""What a request may need of a model: bits, so that they compare in one step."""

VISION, TOOLS, JSON, AUDIO, PDF, REASONING = 1, 2, 4, 8, 16, 32
NEEDS = {"vision": VISION, "tools": TOOLS, "json": JSON, "audio": AUDIO, "pdf": PDF, "reasoning": REASONING}
"""By the names that the configuration uses."""
MEDIA = VISION | AUDIO | PDF


def names_of(bits: int) -> list[str]:
    return [name for name, bit in NEEDS.items() if bits & bit]
