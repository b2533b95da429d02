"""A question taken apart: words, numbers, names. Pure."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache

import msgspec

from proxy.cache.semantic.lexicon import english
from proxy.cache.semantic.rewrite import active, compounded, plain
from proxy.cache.semantic.spelling import american
from proxy.cache.semantic.vocabulary import CARDINALS, FILLERS, GIVING, NUMBERS, SIGNS, STOP, TELLING, WISHES

_TOKEN = re.compile(
    r"https?://\S+|[\w.+-]+@[\w-]+\.[\w.]+|\d+(?:st|nd|rd|th)\b|\d[\d.,:/]*\d|\d+|[^\W\d_][\w'-]*(?:[._/]\w+)*|[%$€£¥#+*<>=~^|&@!?\\-]"
)
_TAIL = re.compile(r"^(\d+)(st|nd|rd|th)$")
_LONGEST_PHRASE = 3


class Question(msgspec.Struct, frozen=True):
    """`tokens`: as written, in plain order. `words`: lower case, in order, all of them. `numbers`, `names`: in order. `content`: stems of
    what it is about, in order. `spoken`: stem → the word as it stands."""

    tokens: tuple[str, ...]
    words: tuple[str, ...]
    numbers: tuple[str, ...]
    names: tuple[str, ...]
    content: tuple[str, ...]
    spoken: dict[str, str]


def take_apart(text: str) -> Question:
    return derive(active(_tokens(plain(text)), frozenset(english().bases)))


def compound_content(q: Question) -> tuple[str, ...]:
    """Its content in the order of compounds."""
    return derive(compounded(q.tokens)).content


def derive(tokens: Sequence[str]) -> Question:
    """Of tokens in plain order."""
    words: list[str] = []
    numbers: list[str] = []
    names: list[str] = []
    content: list[str] = []
    spoken: dict[str, str] = {}
    before = ""
    for at, token in enumerate(tokens):
        lower = token.lower()
        if token[0].isdigit():
            numbers.append(_number(token))
            before = ""
            continue
        if lower in NUMBERS:
            _count_on(numbers, before, lower)
        before = lower
        words.append(lower)
        if _is_name(token):
            names.append(lower)
        led = (at == 0 and (lower in GIVING or lower in TELLING)) or (lower in WISHES and [*tokens[at + 1 : at + 2]] == ["to"])
        if token[0].isalnum() and not _says_little(lower) and not led:
            root = stem(lower)
            content.append(root)
            spoken.setdefault(root, lower)
    return Question(tuple(tokens), tuple(words), tuple(numbers), tuple(names), tuple(content), spoken)


def _count_on(numbers: list[str], before: str, word: str) -> None:
    """Twenty one is 21, two hundred 200."""
    value, last = NUMBERS[word], NUMBERS.get(before)
    if last is not None and word in CARDINALS and before in CARDINALS and (last in range(20, 91, 10) and value < 10):
        numbers[-1] = str(last + value)
    elif last is not None and before in CARDINALS and value in (100, 1000, 1_000_000, 1_000_000_000) and last < value:
        numbers[-1] = str(int(numbers[-1]) * value)
    else:
        numbers.append(str(value))


def _says_little(word: str) -> bool:
    return word in STOP or word in NUMBERS or word in FILLERS or english().bases.get(word) in FILLERS


def _tokens(text: str) -> list[str]:
    """The capital that a sentence begins with is not the word's own."""
    tokens: list[str] = []
    begins = True
    for match in _TOKEN.finditer(text):
        token = match.group().strip(".,:'-") or match.group()
        if token in ("?", "!"):
            begins = True
            continue
        if token[0].isdigit():
            tokens.append(token)
        else:
            token = SIGNS.get(token, token)
            if token.endswith("'s") and len(token) > 2 and token.lower() not in STOP:
                token = token[:-2]
            parts = _parts(token)
            if begins and (parts[0][1:].islower() or parts[0] == "A"):
                parts[0] = parts[0].lower()
            tokens += parts
        begins = match.end() < len(text) and text[match.end() : match.end() + 1] in ".!?:\n"
    return _joined(tokens)


def _parts(token: str) -> list[str]:
    """two-factor → two, factor; e-mail → email."""
    parts = token.split("-")
    if len(parts) == 1 or not all(part.isalpha() for part in parts):
        return [token]
    return ["".join(parts)] if len(parts[0]) == 1 and len(parts) == 2 and len(parts[1]) > 1 else parts


def _joined(tokens: list[str]) -> list[str]:
    """Phrases that are one word."""
    phrases, joined, at = english().phrases, list[str](), 0
    lower = [token.lower() for token in tokens]
    while at < len(tokens):
        size = next((n for n in range(_LONGEST_PHRASE, 1, -1) if tuple(lower[at : at + n]) in phrases), 1)
        joined.append(phrases[tuple(lower[at : at + size])] if size > 1 else tokens[at])
        at += size
    return joined


def _is_name(word: str) -> bool:
    """Written as names and identifiers are: with capitals that no sentence asks for, digits, underscores, dots; or a symbol."""
    if not word[0].isalpha():
        return not word[0].isalnum() and word not in "?!-"
    if any(c.isupper() for c in word[1:]) or any(c in "._/@" or c.isdigit() for c in word):
        return True
    return word[0].isupper() and word not in ("I", "I'm", "I'd", "I'll", "I've")


def _number(token: str) -> str:
    """1,000 and 1000 are one number, 2.10 and 2.1 as well; what is none (a date, a version) stands as written."""
    ordinal = _TAIL.match(token.lower())
    if ordinal is not None:
        return ordinal[1]
    bare = token.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", token) else token
    try:
        return format(Decimal(bare).normalize(), "f")
    except InvalidOperation:
        return token


_NOUNS = frozenset({"meaning", "building", "meeting", "wedding", "painting", "evening", "being"})
"""End as verbs do."""
_SUFFIXES = (("ies", "y"), ("sses", "ss"), ("ing", ""), ("edly", ""), ("ed", ""), ("ly", ""), ("es", ""), ("s", ""))


@lru_cache(8192)
def stem(word: str) -> str:
    """Cuts what grammar adds; crude, the same for both questions, and never below three letters."""
    if word.endswith("'s"):
        word = word[:-2]
    word = american(word)
    word = english().bases.get(word, word)
    for suffix, instead in _SUFFIXES if word not in _NOUNS else ():
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word[: -len(suffix)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word.endswith("e") else word
