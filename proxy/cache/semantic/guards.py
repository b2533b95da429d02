"""Why two questions must not share an answer, however near their vectors are.

Sentence vectors hardly see a `not`, a number or a name (a sentence and its negation score about 0.95), and mean-pooled ones see no order at
all. So a hit needs the same negations, the same numbers in the same order, the same names in the same order, no pair of opposites, no
other kind of question, no two words that differ only by a prefix (`lock`, `unlock`), and nothing that only one of them asks about.
A guard that is wrong costs a miss; a missing one a wrong answer: when in doubt, it is another question.
"""

from collections.abc import Callable

from proxy.cache.semantic.text import Question
from proxy.cache.semantic.vocabulary import CALENDAR, FRACTIONS, NEGATIONS, OPPOSITES, PREFIXES, QUESTIONS

SIMILAR_WORDS = 0.45
"""Below it two words do not stand for each other (cosine of static word vectors: poem and poetry 0.77, delivery and shipping 0.55,
France and Spain 0.09)."""
Alike = Callable[[str, str], float]


def conflict(a: Question, b: Question, alike: Alike | None = None) -> str | None:
    """Why not, or None. `alike`: how near two words are, -1 to 1; without it, what one has and the other has not is a conflict as soon as
    both have something of their own."""
    if _count(a, NEGATIONS) != _count(b, NEGATIONS):
        return "negation"
    if a.numbers != b.numbers or _count(a, FRACTIONS) != _count(b, FRACTIONS):
        return "number"
    if _of(a, CALENDAR) != _of(b, CALENDAR):
        return "date"
    if _named(a, b) != _named(b, a):
        return "name"
    if (asked := _of(a, QUESTIONS)) and (other := _of(b, QUESTIONS)) and asked != other:
        return "kind of question"
    if _opposed(a, b):
        return "opposite"
    return _about(a, b, alike)


def _count(q: Question, of: frozenset[str]) -> int:
    return sum(word in of for word in q.words)


def _of(q: Question, of: frozenset[str]) -> list[str]:
    return [word for word in q.words if word in of]


def _named(q: Question, other: Question) -> list[str]:
    """Names in order, also where only the other question writes them as names; each once."""
    known = {*q.names, *other.names}
    return list(dict.fromkeys(word for word in q.words if word in known))


def _opposed(a: Question, b: Question) -> bool:
    left, right = set(a.words), set(b.words)
    only_a, only_b = left - right, right - left
    if any(not OPPOSITES.get(word, frozenset()).isdisjoint(only_b) for word in only_a):
        return True
    return any(_prefixed(one, two) or _prefixed(two, one) for one in only_a for two in only_b)


def _prefixed(word: str, other: str) -> bool:
    return any(word == prefix + other for prefix in PREFIXES) if len(other) > 2 else False


def _about(a: Question, b: Question, alike: Alike | None) -> str | None:
    left, right = dict.fromkeys(a.content), dict.fromkeys(b.content)
    only_a = [root for root in left if root not in right]
    only_b = [root for root in right if root not in left]
    if not only_a and not only_b:
        return None if list(left) == list(right) else "order"
    if alike is None:
        return "content" if only_a and only_b else None
    for mine, theirs, own, others in ((only_a, right, a, b), (only_b, left, b, a)):
        for root in mine:
            word = own.spoken[root]
            if max((alike(word, others.spoken[other]) for other in theirs), default=0.0) < SIMILAR_WORDS:
                return f"content: {word}"
    return None
