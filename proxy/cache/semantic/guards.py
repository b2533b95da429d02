"""Why two questions must not share an answer, however near their vectors are.

Sentence vectors hardly see a `not`, a number or a name (a sentence and its negation score about 0.95), and mean-pooled ones see no order at
all. So a hit needs the same negations, the same numbers and names in the same order, the same units, tense and quantity, no pair of
opposites, no other kind of question, no two words that differ only by a prefix (`lock`, `unlock`), and nothing that only one of them asks
about, but for what a dictionary or the vectors of single words give as the same.
A guard that is wrong costs a miss; a missing one a wrong answer: when in doubt, it is another question.
"""

from collections.abc import Callable

from proxy.cache.semantic.grammar import (
    manner_differs,
    measure_differs,
    negations,
    others_differ,
    quantity_differs,
    relation_differs,
    tense_differs,
)
from proxy.cache.semantic.lexicon import english
from proxy.cache.semantic.shortforms import unified
from proxy.cache.semantic.spelling import only_looks_alike
from proxy.cache.semantic.text import Question, compound_content
from proxy.cache.semantic.vocabulary import CALENDAR, FRACTIONS, PREFIXES, QUESTIONS

SIMILAR_WORDS = 0.55
"""Below it two words do not stand for each other (cosine of static word vectors: poem and poetry 0.77, delivery and shipping 0.55,
France and Spain 0.09)."""
Alike = Callable[[str, str], float]


def conflict(a: Question, b: Question, alike: Alike | None = None) -> str | None:
    """Why not, or None. `alike`: how near two words are, -1 to 1; without it, only the dictionary tells
    which words stand for each other."""
    a, b = unified(a, b)
    return next((why for why, differs in _GUARDS if differs(a, b)), None) or _about(a, b, alike)


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
    if any(english().opposed(one, two) for one in only_a for two in only_b):
        return True
    return any(_prefixed(one, two) or _prefixed(two, one) for one in only_a for two in only_b if one != two)


def _prefixed(word: str, other: str) -> bool:
    """`lock`, `unlock`; and `import`, `export`, whose own word is as long at least."""
    rest = [word[len(prefix) :] for prefix in PREFIXES if word.startswith(prefix)]
    if len(other) > (2 if word[0] != "a" else 4) and other in rest:
        return True
    return any(len(own) > 3 and other == prefix + own for own in rest for prefix in PREFIXES)


def _about(a: Question, b: Question, alike: Alike | None) -> str | None:
    left, right = list(dict.fromkeys(a.content)), list(dict.fromkeys(b.content))
    only_a = [root for root in left if root not in right]
    only_b = [root for root in right if root not in left]
    both = set(left) & set(right)
    if not _in_order(a.content, b.content, both) and not _in_order(compound_content(a), compound_content(b), both):
        return "order"
    _pair(only_a, only_b, a, b)
    if not only_a and not only_b:
        return None
    if alike is None:
        return "content"
    for mine, theirs, own, others in ((only_a, right, a, b), (only_b, left, b, a)):
        for root in mine:
            word = own.spoken[root]
            if max((_near(word, others.spoken[other], alike) for other in theirs), default=0.0) < SIMILAR_WORDS:
                return f"content: {word}"
    return None


def _in_order(one: tuple[str, ...], other: tuple[str, ...], both: set[str]) -> bool:
    return [root for root in dict.fromkeys(one) if root in both] == [root for root in dict.fromkeys(other) if root in both]


def _near(one: str, other: str, alike: Alike) -> float:
    return 0.0 if only_looks_alike(one, other) else alike(one, other)


def _pair(only_a: list[str], only_b: list[str], a: Question, b: Question) -> None:
    """Takes out what stands for each other by the dictionary, or is the same word mistyped."""
    for root in list(only_a):
        other = next((other for other in only_b if _stands_for(a.spoken[root], b.spoken[other])), None)
        if other is not None:
            only_a.remove(root)
            only_b.remove(other)


def _stands_for(one: str, other: str) -> bool:
    return english().same(one, other) or english().mistyped(one, other)


def _dated(a: Question, b: Question) -> bool:
    return _of(a, CALENDAR) != _of(b, CALENDAR)


def _counted(a: Question, b: Question) -> bool:
    return a.numbers != b.numbers or _count(a, FRACTIONS) != _count(b, FRACTIONS)


def _kind(a: Question, b: Question) -> bool:
    one, other = _of(a, QUESTIONS), _of(b, QUESTIONS)
    if one and other and one != other:
        return True
    first, second = a.words[:1], b.words[:1]
    return any(how == ("how",) and QUESTIONS.issuperset(other) for how, other in ((first, second), (second, first)) if other)


_GUARDS: tuple[tuple[str, Callable[[Question, Question], bool]], ...] = (
    ("negation", lambda a, b: negations(a) != negations(b)),
    ("number", _counted),
    ("unit", measure_differs),
    ("date", _dated),
    ("name", lambda a, b: _named(a, b) != _named(b, a)),
    ("kind of question", _kind),
    ("manner", manner_differs),
    ("tense", tense_differs),
    ("quantity", quantity_differs),
    ("relation", relation_differs),
    ("opposite", _opposed),
    ("small word", others_differ),
)
