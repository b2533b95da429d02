"""What is wrong with a configuration, and where."""

import re
from dataclasses import dataclass

_IN_FILE = re.compile(r"(.+):(\d+):(\d+)", re.DOTALL)

Path = tuple[str | int, ...]
"""A setting's place: `("providers", "openai", "api_keys", 0)`."""


def dotted(path: Path) -> str:
    """`providers.openai.api_keys[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


@dataclass(frozen=True)
class Problem:
    """One mistake. `where`: `config.yaml:12:5`, `environment PORT`, or "" when no source holds it."""

    message: str
    path: str = ""
    where: str = ""

    def as_dict(self) -> dict[str, str | int | None]:
        """For machines: file, line and column apart; null where no file holds it."""
        found = _IN_FILE.fullmatch(self.where)
        file, line, column = (found[1], int(found[2]), int(found[3])) if found else (None, None, None)
        return {"where": self.where, "file": file, "line": line, "column": column, "path": self.path, "message": self.message}

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.path, self.message) if part)


class SettingsError(ValueError):
    """The configuration can't be used. `problems` lists every mistake; the text has one a line and never a secret."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
