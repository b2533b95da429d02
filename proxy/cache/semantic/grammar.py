"""What the small words of a question say: who denies what, when it is, of how many, and what kind of answer is wanted. Pure.

Vectors do not see them and the comparison of contents leaves them out, so each is compared by itself.
"""

from collections.abc import Mapping, Sequence

from proxy.cache.semantic.lexicon import english
from proxy.cache.semantic.text import Question
from proxy.cache.semantic.vocabulary import (
    DIRECTIONS,
    FUTURE,
    GIVING,
    MODALS,
    NEGATIONS,
    NEGATIVE_PHRASES,
    OTHERS,
    PAST,
    PRESENT,
    QUANTIFIERS,
    RELATIONS,
    TELLING,
    TOLD_BY_WHEN,
    UNITS,
    UNSAID,
    WH,
    YES_NO,
)

_DETERMINERS = frozenset({"a", "the", "my", "your", "his", "her", "their", "our", "this", "living"})


def negations(q: Question) -> int:
    text = f" {' '.join(q.words)} "
    return sum(word in NEGATIONS for word in q.words) + sum(f" {phrase} " in text for phrase in NEGATIVE_PHRASES)


def tense_differs(a: Question, b: Question) -> bool:
    """`Will` on one side only, or the past on one and the present on the other. A bare verb's form is not looked at."""
    if _future(a) != _future(b) or _habit(a) != _habit(b):
        return True
    past_a, past_b = _past(a), _past(b)
    return past_a != past_b and _has(b if past_a else a, PRESENT)


def measures(q: Question) -> set[str]:
    return {UNITS[word] for word in q.words if word in UNITS}


def measure_differs(a: Question, b: Question) -> bool:
    """Without any number a unit may be what `how long` asks for as well."""
    one, other = measures(a), measures(b)
    return one != other and bool((one and other) or a.numbers or b.numbers)


def quantity_differs(a: Question, b: Question) -> bool:
    one, other = _classes(a.words, QUANTIFIERS), _classes(b.words, QUANTIFIERS)
    return one != other and not (one ^ other <= UNSAID and (not one or not other))


def relation_differs(a: Question, b: Question) -> bool:
    """Before, after, while, until; out of and into."""
    one, other = _classes(a.words, RELATIONS), _classes(b.words, RELATIONS)
    if one ^ other and not (one ^ other <= TOLD_BY_WHEN and "when" in a.words + b.words):
        return True
    return _turned(a, b)


def manner_differs(a: Question, b: Question) -> bool:
    """Yes or no against an explanation, an example against a description; may against must, but for how one may or must."""
    one, other = _asks(a), _asks(b)
    if {one, other} in ({"yes or no", "open"}, {"giving", "telling"}):
        return True
    may, must = _modals(a), _modals(b)
    return bool(may and must and may != must) and not _first(a).startswith("how")


def others_differ(a: Question, b: Question) -> bool:
    """Also the highest degree on one side only."""
    if _highest(a) != _highest(b):
        return True
    one, other = set(a.words) & OTHERS, set(b.words) & OTHERS
    return bool(one - other and other - one)


def _highest(q: Question) -> bool:
    words = english()
    return any(
        word in ("most", "least", "best", "worst") or (word.endswith("est") and not words.known_itself(word) and words.known(word))
        for word in q.words
    )


def _modals(q: Question) -> set[str]:
    """`Have` is one before `to` only."""
    pairs = zip(q.words, (*q.words[1:], ""), strict=False)
    return {MODALS[word] for word, after in pairs if word in MODALS and (word != "have" or after == "to")}


def _turned(a: Question, b: Question) -> bool:
    """Something stands behind `from` here and behind `to` there."""
    one, other = _directed(a), _directed(b)
    return any(word in other and other[word] != way for word, way in one.items())


def _directed(q: Question) -> dict[str, str]:
    found: dict[str, str] = {}
    way = ""
    for word in q.words:
        if word in DIRECTIONS:
            way = DIRECTIONS[word]
        elif way and word not in _DETERMINERS and word != "of":
            found.setdefault(word, way)
            way = ""
    return found


def _asks(q: Question) -> str:
    first = _first(q)
    if first in YES_NO:
        return "yes or no"
    if first in GIVING or first in TELLING:
        return "giving" if first in GIVING else "telling"
    return "open" if first in WH or first in ("what's", "who's", "how's") else ""


def _first(q: Question) -> str:
    return q.words[0] if q.words else ""


def _future(q: Question) -> bool:
    """A will is no tense."""
    return any(word in FUTURE and (at == 0 or q.words[at - 1] not in _DETERMINERS) for at, word in enumerate(q.words))


def _past(q: Question) -> bool:
    return any(word in PAST and word != "used" for word in q.words)


def _habit(q: Question) -> bool:
    """`used to own`, not `is used to write`."""
    pairs = zip(q.words, q.words[1:], strict=False)
    return any(
        pair == ("used", "to") and not any(word in ("is", "are", "be", "was", "were", "get") for word in q.words[:at])
        for at, pair in enumerate(pairs)
    )


def _has(q: Question, of: frozenset[str]) -> bool:
    return any(word in of for word in q.words)


def _classes(words: Sequence[str], of: Mapping[str, str]) -> set[str]:
    return {of[word] for word in words if word in of}
