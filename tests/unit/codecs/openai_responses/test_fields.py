"""Small helpers."""

from proxy.codecs.openai_responses.fields import DIALECT, filled


def test_filled() -> None:
    """None is left out, false is not."""
    assert DIALECT == "openai_responses"
    assert filled(a=None, b=False, c=0, d="") == {"b": False, "c": 0, "d": ""}
