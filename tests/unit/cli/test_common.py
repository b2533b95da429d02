"""Printing."""

import pytest

from proxy.cli.common import print_table


def test_columns_are_as_wide_as_their_longest_cell(capsys: pytest.CaptureFixture[str]) -> None:
    """No blanks at the end of a line."""
    print_table(("A", "BB"), [("long", "x"), ("", "")])
    assert capsys.readouterr().out == "A     BB\nlong  x\n\n"
