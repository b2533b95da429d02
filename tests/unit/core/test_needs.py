"""What a request may need of a model."""

from proxy.core.needs import NEEDS, PDF, TOOLS, names_of


def test_bits_have_names() -> None:
    """Each its own, in the order of the table."""
    assert names_of(PDF | TOOLS) == ["tools", "pdf"]
    assert names_of(0) == []
    assert sum(NEEDS.values()) == 63
