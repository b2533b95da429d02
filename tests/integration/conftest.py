"""The table of the protocol matrix at the end of a run that had some of its cells."""

import pytest

from tests.support.matrix.cells import table


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    outcomes: dict[str, str] = {}
    for word, mark in (("passed", "✓"), ("failed", "✗")):
        for report in terminalreporter.stats.get(word, ()):
            outcomes |= {str(value): mark for name, value in report.user_properties if name == "matrix"}
    if outcomes:
        terminalreporter.section("protocol matrix")
        for line in table(outcomes):
            terminalreporter.write_line(line)
