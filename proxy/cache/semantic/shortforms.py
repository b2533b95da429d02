"""Short forms that one question has and the other writes out: NDA, TS of TypeScript, k8s; a word written as two. Pure."""

import re
from collections.abc import Sequence

from proxy.cache.semantic.lexicon import english
from proxy.cache.semantic.text import Question, derive
from proxy.cache.semantic.vocabulary import STOP

_SMALL = frozenset({"of", "the", "and", "for", "a", "in"})
_NUMERONYM = re.compile(r"([a-z])(\d{1,2})([a-z])")
_LONGEST = 6
MOST_TOKENS = 40
"""Each is looked for at each place of the other: 2 ms at most, and a longer text has other ways to differ."""


def unified(a: Question, b: Question) -> tuple[Question, Question]:
    """Both, with what the other has a short form for in that form."""
    if max(len(a.tokens), len(b.tokens)) > MOST_TOKENS:
        return a, b
    a = _shortened(a, b)
    return a, _shortened(b, a)


def _shortened(q: Question, other: Question) -> Question:
    mine = set(q.words)
    tokens, changed = list(q.tokens), False
    for word in dict.fromkeys(other.tokens):
        if word.lower() in mine or not word[0].isalpha():
            continue
        found = _written_out(word, tokens)
        if found is not None:
            tokens[found[0] : found[1]] = [word]
            changed = True
    return derive(tokens) if changed else q


def _written_out(short: str, tokens: Sequence[str]) -> tuple[int, int] | None:
    """Where: from, to."""
    small, lower = short.lower(), [token.lower() for token in tokens]
    plausible = short.isalpha() and 2 <= len(short) <= _LONGEST and short not in STOP and (short.isupper() or not english().known(small))
    for at, token in enumerate(tokens):
        if (plausible and _humps(token) == small) or _counted(small, lower[at]) or _of_place(short, token):
            return at, at + 1
        if lower[at : at + 2] and "".join(lower[at : at + 2]) == small and len(small) > 5:
            return at, at + 2
        if plausible and (end := _initials(small, lower, at)):
            return at, end
    return None


def _initials(short: str, words: Sequence[str], at: int) -> int | None:
    """Where the run of words that begins at `at` and that `short` is made of ends."""
    if words[at] in _SMALL:
        return None
    left = short
    for end in range(at, min(len(words), at + _LONGEST + 2)):
        word = words[end]
        if left and word.startswith(left[0]):
            left = left[1:]
        elif word not in _SMALL:
            return None
        if not left:
            return end + 1
        if (short, *words[at : end + 1]) in english().shorts:
            return end + 1
    return None


def _of_place(one: str, other: str) -> bool:
    """Brazilian, Brazil."""
    return one[0].isupper() and other[0].isupper() and english().same(one.lower(), other.lower())


def _humps(word: str) -> str | None:
    """TypeScript → ts."""
    capitals = "".join(c for c in word if c.isupper())
    return capitals.lower() if len(capitals) > 1 and capitals != word else None


def _counted(short: str, word: str) -> bool:
    """k8s: k, eight letters, s."""
    found = _NUMERONYM.fullmatch(short)
    return found is not None and len(word) == int(found[2]) + 2 and word[0] == found[1] and word[-1] == found[3]
