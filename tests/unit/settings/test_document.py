"""docs/configuration.md follows the schema."""

from pathlib import Path

from proxy.settings import Settings
from proxy.settings.document import setting_rows, settings_markdown
from proxy.settings.environment import COMPOSED, LATER, NAMES, UNUSED

DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_document_is_what_the_schema_says() -> None:
    """After a change: `llm-edge config docs > docs/configuration.md`."""
    assert DOCUMENT.read_text(encoding="utf-8") == settings_markdown()


def test_every_setting_says_what_it_means() -> None:
    """No field without a description."""
    rows = list(setting_rows(Settings, "x"))
    assert len(rows) > 90
    assert [row.path for row in rows if not row.description.endswith((".", "?"))] == []


def test_times_and_sizes_name_their_unit() -> None:
    """In the name and in words."""
    words = {"_s": "seconds", "_ms": "milliseconds", "_mb": "MiB"}
    rows = list(setting_rows(Settings, "x"))
    missing = [row.path for row in rows for suffix, word in words.items() if row.path.endswith(suffix) and word not in row.description]
    assert missing == []


def test_every_environment_name_is_listed() -> None:
    """Also those without effect."""
    text = settings_markdown()
    names = [entry.name for entry in NAMES] + [name for name, _ in COMPOSED] + list(LATER) + list(UNUSED)
    assert [name for name in names if f"| `{name}` |" not in text] == []
