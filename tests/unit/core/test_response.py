"""The canonical usage."""

from proxy.core.response import Usage


def test_totals_add_the_disjoint_counts() -> None:
    """Cached and written prompt tokens belong to the prompt; reasoning tokens are part of the output."""
    usage = Usage(input_tokens=10, cache_read_tokens=5, cache_write_tokens=2, output_tokens=7, reasoning_tokens=3)
    assert (usage.prompt_tokens, usage.total_tokens) == (17, 24)
