"""The snippets of docs/clients.md, as they stand but for address and key."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.scripted.stage import Stage

PAGE = (Path(__file__).parents[3] / "docs" / "clients.md").read_text()
SDKS = ("OpenAI", "Anthropic", "boto3", "Gemini", "LangChain", "pydantic-ai")
"""Sections that are whole programs; test_litellm_client.py runs that of litellm."""


def snippets(title: str) -> str:
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))


def test_snippets_run(stage: Stage) -> None:
    """Top to bottom, without an exception or a word: in one process of their own, since they leave their clients open to its end."""
    access_key, secret = stage.access_key()
    given = {title: snippets(title).replace("http://127.0.0.1:8080", stage.url).replace("KEY", stage.key) for title in SDKS}
    assert all(given.values())
    runner = "import json, sys\nfor title, code in json.loads(sys.argv[1]).items():\n    exec(compile(code, title, 'exec'), {})"
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret}
    done = subprocess.run([sys.executable, "-c", runner, json.dumps(given)], env=environment, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
