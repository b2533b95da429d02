"""Which model names may become label values (contract O).

Names that the configuration lists always may. Where clients choose names themselves (no `models:` table, patterns, `provider/model`),
the first `LEARNT_MAX` of them may; every other name is `other`.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

LEARNT_MAX = 200


class ModelLabels:
    """What `Metrics.known_models` asks. A new configuration changes what is listed; names once learnt count against the bound for the
    life of the process, since their series live as long."""

    def __init__(self) -> None:
        self._listed: frozenset[str] = frozenset()
        self._patterns: tuple[str, ...] = ()
        self._providers: frozenset[str] = frozenset()
        self._open = False
        self._learnt: set[str] = set()

    def configure(self, *, listed: Iterable[str], patterns: Iterable[str], providers: Iterable[str], open_names: bool) -> None:
        """`open_names`: any name is served."""
        self._listed = frozenset(listed)
        self._patterns = tuple(patterns)
        self._providers = frozenset(providers)
        self._open = open_names

    def __call__(self, name: str) -> bool:
        if name in self._listed or name in self._learnt:
            return True
        if len(self._learnt) >= LEARNT_MAX or not self._may_be_asked_for(name):
            return False
        self._learnt.add(name)
        return True

    def _may_be_asked_for(self, name: str) -> bool:
        provider, slash, _ = name.partition("/")
        if self._open or (slash and provider in self._providers):
            return True
        return any(fnmatchcase(name, pattern) for pattern in self._patterns)
