"""The snippets of docs/clients.md, as they stand but for address and key."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted.stage import Stage

PAGE = (Path(__file__).parents[3] / "docs" / "clients.md").read_text()
SECTIONS = {
    title: code
    for title, *_ in (part.split("\n", 1) for part in PAGE.split("\n## ")[1:])
    if (code := "\n".join(re.findall(r"```python\n(.*?)```", PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0], re.DOTALL)))
}

pytestmark = [
    pytest.mark.xdist_group("sdk_docs"),
    # short scripts that leave their clients to the end of the process
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_each_client_has_a_section() -> None:
    """Six of them, with a snippet each."""
    assert list(SECTIONS) == ["OpenAI", "Anthropic", "boto3", "Gemini", "LangChain", "pydantic-ai"]


@pytest.mark.parametrize("title", SECTIONS)
def test_snippets_run(stage: Stage, monkeypatch: pytest.MonkeyPatch, title: str) -> None:
    """Top to bottom, without an exception."""
    access_key, secret = stage.access_key()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    code = SECTIONS[title].replace("http://127.0.0.1:8080", stage.url).replace("KEY", stage.key)
    names: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(code, f"docs/clients.md#{title}", "exec"), names)
