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
"""Below it two words do not stand for each other (cosine of static word vectors: poem and poetry 0.77, France and Spain 0.09). Of 1 500
pairs of WordNet's that are kinds of one thing 1.1 % are above it, of those that mean the same 10 %; those the dictionary knows."""
MOST_OF_ITS_OWN = 8
"""Words of one question that the other has not, from which nothing is compared any more: it would be another anyway."""
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
    """Opposites by the dictionary; or one word with a prefix and without (`lock`, `unlock`), or with two (`import`, `export`)."""
    left, right = set(a.words), set(b.words)
    only_a, only_b = left - right, right - left
    if english().opposed(only_a, only_b):
        return True
    bare_a, bare_b = _without_prefix(only_a), _without_prefix(only_b)
    return not (bare_a.isdisjoint(only_b) and bare_b.isdisjoint(only_a) and {w for w in bare_a if len(w) > 3}.isdisjoint(bare_b))


def _without_prefix(words: set[str]) -> set[str]:
    """`a` is a prefix of longer words only: `ago` is none of `go`."""
    rest = ((prefix, word[len(prefix) :]) for word in words for prefix in PREFIXES if word.startswith(prefix))
    return {bare for prefix, bare in rest if len(bare) > (4 if prefix == "a" else 2)}


def _about(a: Question, b: Question, alike: Alike | None) -> str | None:
    left, right = list(dict.fromkeys(a.content)), list(dict.fromkeys(b.content))
    only_a = [root for root in left if root not in right]
    only_b = [root for root in right if root not in left]
    both = set(left) & set(right)
    if not _in_order(a.content, b.content, both) and not _in_order(compound_content(a), compound_content(b), both):
        return "order"
    if max(len(only_a), len(only_b)) > MOST_OF_ITS_OWN:
        return "content"
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
