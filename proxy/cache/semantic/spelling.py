"""One spelling for what is spelled in several ways, and what is only a slip of the fingers. Pure."""

import re

_RULES = (
    (re.compile(r"(?<=[lvbnmdip])our(?=$|s$|ed$|ing$|ite|able|hood|ful|al)"), "or"),
    (re.compile(r"(?<=[a-z]{3})is(?=(e|ed|es|ing|er|ers|ation|ations)$)"), "iz"),
    (re.compile(r"(?<=[a-z]{2})yse(?=d?$|s$)"), "yze"),
    (re.compile(r"(?<=[a-z]{2})tre(?=s?$)"), "ter"),
    (re.compile(r"(?<=[a-z]{3})ogue(?=s?$)"), "og"),
    (re.compile(r"(?<=en)ce(?=s?$)"), "se"),
)
_ENDINGS = (
    ("ies", "y"),
    ("iest", "y"),
    ("es", ""),
    ("es", "e"),
    ("s", ""),
    ("ing", ""),
    ("ing", "e"),
    ("ed", ""),
    ("ed", "e"),
    ("est", ""),
    ("est", "e"),
)
_ENDS = "ysredn"
_VOWELS = "aeiou"
MIN_TYPO = 4
LONG = 8
"""Shorter words are too near to each other."""


def american(word: str) -> str:
    """colour → color, organise → organize, centre → center; what has no such pair may change as well, but always in the same way."""
    if len(word) > 4:
        for rule, instead in _RULES:
            word = rule.sub(instead, word, count=1)
    return word


def roots(word: str) -> list[str]:
    """What it may be a regular form of: running → runn, runne, run."""
    found = [word[: -len(end)] + instead for end, instead in _ENDINGS if word.endswith(end) and len(word) - len(end) > 1]
    return found + [root[:-1] for root in found if len(root) > 3 and root[-1] == root[-2]]


def slipped(one: str, other: str) -> bool:
    """Whether they differ by two neighbours swapped, by a letter doubled or, in a long word, by one left out or a vowel for another; the
    first and the last apart. In a short one a letter in place of another may be another word: sulfate and sulfite."""
    at, short, long = _parting(one, other)
    if len(long) - len(short) > 1 or len(short) < MIN_TYPO or at == 0 or short == long:
        return False
    if len(short) == len(long):
        vowels = len(long) >= LONG and at < len(long) - 1 and short[at] in _VOWELS and long[at] in _VOWELS
        return (short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]) or (
            vowels and short[at + 1 :] == long[at + 1 :]
        )
    left_out = len(long) >= LONG and at < len(short)
    return short[at:] == long[at + 1 :] and (left_out or long[at] in (long[at - 1], long[at + 1 : at + 2]))


def only_looks_alike(one: str, other: str) -> bool:
    """One letter's difference, but for an ending: ethanol and methanol, table and tablet. Models that read pieces of words take such for
    the same."""
    at, short, long = _parting(one, other)
    if len(long) - len(short) == 1:
        return short[at:] == long[at + 1 :] and not (at == len(short) and long[at] in _ENDS)
    return len(short) == len(long) and short != long and short[at + 1 :] == long[at + 1 :] and at < len(short) - 1


def _parting(one: str, other: str) -> tuple[int, str, str]:
    """Where they part; the shorter, the longer."""
    short, long = sorted((one, other), key=len)
    return next((i for i, letter in enumerate(short) if letter != long[i]), len(short)), short, long
