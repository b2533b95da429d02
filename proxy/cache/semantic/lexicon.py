"""Which English words mean the same, and which the opposite: a table made from WordNet (`scripts/wordnet`), in the package."""

from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

from proxy.cache.semantic.spelling import american, roots, slipped
from proxy.cache.semantic.vocabulary import OPPOSITES, STOP

_TABLE = "data/wordnet.txt"


class Lexicon:
    """`phrases`: its words → the one word. `shorts`: a short form and the words that it stands for."""

    def __init__(self, lines: list[str]) -> None:
        self._groups: dict[str, set[int]] = {}
        self._opposites: dict[str, set[str]] = {}
        self._known: set[str] = set()
        self._confused: set[frozenset[str]] = set()
        self.bases: dict[str, str] = {}
        self.phrases: dict[tuple[str, ...], str] = {}
        self.shorts: set[tuple[str, ...]] = set()
        for at, line in enumerate(lines):
            kind, *words = line.split()
            self._take(at, kind, words)
        for word, others in OPPOSITES.items():
            self._opposites.setdefault(word, set()).update(others)

    def _take(self, at: int, kind: str, words: list[str]) -> None:
        if kind in ("s", "d"):
            for word in words:
                self._groups.setdefault(american(word), set()).add(at)
        elif kind == "o":
            for one, other in (words, words[::-1]):
                self._opposites.setdefault(one, set()).add(other)
        elif kind == "c":
            self._confused.add(frozenset(words))
        elif kind == "i":
            self.bases[words[0]] = words[1]
        elif kind == "p" and STOP.isdisjoint(words):
            self.phrases[tuple(words[1:])] = words[0]
        elif kind == "a":
            self.shorts.add(tuple(words))
        if kind in ("s", "o", "i", "w"):
            self._known.update(words)

    def forms(self, word: str) -> tuple[str, ...]:
        """The word and what it may be a form of."""
        return _forms(self, word)

    def _formed(self, word: str) -> tuple[str, ...]:
        plain = american(word)
        base = self.bases.get(plain)
        return (plain, *roots(plain)) if base is None else (plain, base)

    def known(self, word: str) -> bool:
        return any(form in self._known for form in (word, *self.forms(word)))

    def known_itself(self, word: str) -> bool:
        """Not as a form of another."""
        return word in self._known

    def mistyped(self, one: str, other: str) -> bool:
        """One of them is no word and a slip away from the other."""
        if not slipped(one, other) or self.known(one) == self.known(other):
            return False
        pairs = ({mine, theirs} for mine in (one, *self.forms(one)) for theirs in (other, *self.forms(other)))
        return not any(pair in self._confused for pair in pairs)

    def same(self, one: str, other: str) -> bool:
        mine, theirs = self._meanings(one), self._meanings(other)
        return not mine.isdisjoint(theirs)

    def opposed(self, some: Iterable[str], others: Iterable[str]) -> bool:
        """Any of them to any."""
        forms = {form for word in others for form in self.forms(word)}
        return any(not self._opposites.get(form, frozenset()).isdisjoint(forms) for word in some for form in self.forms(word))

    def _meanings(self, word: str) -> set[int]:
        return {group for form in self.forms(word) for group in self._groups.get(form, ())}


@lru_cache(8192)
def _forms(lexicon: Lexicon, word: str) -> tuple[str, ...]:
    return lexicon._formed(word)


@lru_cache(1)
def english() -> Lexicon:
    """75 ms and a few MB the first time."""
    text = files("proxy.cache.semantic").joinpath(_TABLE).read_text(encoding="utf-8")
    return Lexicon([line for line in text.splitlines() if not line.startswith("#")])
