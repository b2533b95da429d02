"""The same question put plainly: without the politeness around it, its clauses in one order, its voice active. Pure.

Each rule is one of grammar's: what it turns round means the same before and after. What no rule knows stays as it is.
"""

import re
from collections.abc import Sequence

from proxy.cache.semantic.vocabulary import AUXILIARIES, BE, CLAUSE_WORDS, PARTICLES, STOP, UNCHANGED, WH

_ASK = (
    r"tell|explain|give|show|describe|write|suggest|help|list|name|summari[sz]e|translate|recommend|provide|find|create|generate"
    r"|let me know"
)
_MAKE = r"write|draft|compose|generate|create|make|produce|prepare|give"
_FRAMES = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"\s+", " "),
        (r"\bw/(?=\s)", "with"),
        (r"\bw/o\b", "without"),
        (
            r"^\W*(hi|hello|hey|dear|greetings|good (morning|afternoon|evening|day))\b( (there|all|team|every(one|body)))?\s*[,!.:-]*\s*",
            "",
        ),
        (r"[\s,.;!]*\b(many )?(thanks|thank you|thx)( (so|very) much| a lot| in advance| again)?[\s.!]*$", ""),
        (r"[\s,]*\bplease\b(?=[\s.?!]*$)", ""),
        (r"\b(please|kindly)\b[\s,]*", ""),
        (r"^\W*(can|could|would|will) you be so kind as to ", ""),
        (rf"^\W*(can|could|would|will) you (?=({_ASK})\b)", ""),
        (r"^\W*(i'd|i would|i) (really |greatly )?appreciate it if you (could |would |can )?(\w+?)(?:(?<=[^aeiou])ed)?\b(?= )", r"\4"),
        (r"^\W*i (was|am|'m) wondering (if you (could|can) )?", ""),
        (r"^\W*(i'd|i would|i) (really )?(like|love|want|need) you to ", ""),
        (r"^\W*(i'd|i would|i) (really )?(like|love|want|need) to (know|learn|understand|find out)\b ?(about )?", ""),
        (r"^\W*(i'm|i am) looking for ", "give me "),
        (r"^\W*(do you know|any idea|can anyone tell me) (?=who|what|when|where|why|how|which|if)", ""),
        (r"^\W*(tell|show|explain|teach)( (to )?(me|us))? (?=who|what|when|where|why|how|which)", ""),
        (
            r"^\W*(what is|what's|what are|what would be) (the |a |an |some )?((best|good|right|correct|proper|easiest) )?"
            r"(ways?|methods?|steps?|process|procedure) (?:to|for|of) ",
            "how ",
        ),
        (r"^\W*what (do|must|should) (i|we|you) (need to |have to )?do (in order )?to ", "how "),
        (r"^\W*how to ", "how "),
        (r"\bat (what|which) time( of (day|the day|year|the year))?\b", "when"),
        (r"\b(in|under) (what|which) (cases?|situations?|circumstances)\b", "when"),
        (r"\b(for (what|which) reasons?|what('s| is| are) the reasons?( that| why| for)?)\b", "why"),
        (r"\b(in|on) (what|which) (years?|month|day|date)\b", "when"),
        (r"\b(in|at) (what|which) places?\b", "where"),
        (r"^\W*what('s| is) the (number|amount|quantity) of ", "how many "),
        (r"\bper (?=(second|minute|hour|day|night|week|month|year|person)\b)", "each "),
        (r"^\W*(give|show)( me)? (some )?(advice|tips|instructions) (on|for|about) how to ", "how "),
        (r"^\W*give( me)? (a|an) (description|explanation|definition|overview) of ", "describe "),
        (r"^\W*do you know (?=(a|an|any|some)\b)", "give me "),
        (r"^\W*(which|what) (\w+(?: \w+)?) (is|are|was|were) (?:the )?(\w+)(?= ?[?.!]*$| (?:in|on|of|for|to|at)\b)", r"what \3 the \4 \2"),
        (r"\bby whom\b", "by who"),
        (r"^\W*what is meant by ", "what is "),
        (r"^\W*(what is|what's) the meaning of ", "what is "),
        (r"^\W*what (?:does|do) (.{2,80}) mean\b", r"what is \1"),
        (r"^\W*what (makes|made) ", "why "),
        (r"^\W*(is|are|was|were|does|did|has|have|could|should|would)n't ", r"\1 "),
        (
            rf"^\W*({_MAKE}|i need|i want|i'd like|i would like)( me| us)? (?=(a|an|some)\b)",
            "give me ",
        ),
        (r"^\W*(calculate|compute|determine|find|work out|figure out) (?=the\b)", "what is "),
        (r"\bin order to\b", "to"),
    )
)
"""How a question is put, not what it asks."""
LONGEST = 400
"""Characters; what is longer is seldom one sentence, and the rules look at each place several times."""
_FRONTED = re.compile(rf"^\W*((?:{'|'.join(sorted(CLAUSE_WORDS))})\b[^,?!:;]{{2,120}}),\s*(\S[^,;:]*?)\s*([.?!]*)\s*$", re.IGNORECASE)
_DETERMINERS = frozenset({"a", "an", "the", "my", "your", "our", "this", "that", "these", "those"})
_ED = re.compile(r"\w{2,}(ed|en|wn)$")


def unframed(text: str) -> str:
    """Its words in its own letters, without greetings, requests and thanks."""
    plain = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip()
    for pattern, instead in _FRAMES:
        plain = pattern.sub(instead, plain).strip()
    return plain


def plain(text: str) -> str:
    """Without its frame, also behind a clause that stood before it. A long text stays as it is."""
    return text.strip() if len(text) > LONGEST else unframed(clauses_in_order(unframed(text)))


def clauses_in_order(text: str) -> str:
    """`In Bash, how do I …?` → `how do I … in Bash`: what stands before the sentence can stand behind it."""
    found = _FRONTED.match(text)
    return f"{found[2]} {found[1][0].lower()}{found[1][1:]}" if found is not None else text


def compounded(words: Sequence[str]) -> list[str]:
    """`a recipe for lentil soup` → `a lentil soup recipe`: of two nouns the one that tells which goes first."""
    found = list(words)
    for at in range(len(found) - 2, 0, -1):
        if found[at].lower() in ("of", "for") and not _ends(found[at - 1]):
            begin, end, first = at - 1, at + 1, at + 1
            while begin and not _ends(found[begin - 1]):
                begin -= 1
            while first < len(found) - 1 and found[first].lower() in _DETERMINERS:
                first += 1
            end = next((i for i in range(first, len(found)) if _ends(found[i])), len(found))
            if end > first:
                found[begin:end] = [*found[at + 1 : end], *found[begin:at]]
    return found


def active(words: Sequence[str], irregular: frozenset[str]) -> list[str]:
    """`how are data races prevented by Rust` → `how are Rust prevented data races`: who does it stands before what is done,
    and what is done behind the doing."""
    lower = [word.lower() for word in words]
    if lower[:2] == ["by", "who"]:
        return _by_whom(words, lower)
    at = next((i for i in range(2, len(words) - 1) if lower[i] == "by" and _done(lower, i - 1, irregular)), None)
    be = None if at is None else next((i for i in range(at - 2, -1, -1) if lower[i] in BE), None)
    if at is None or be is None:
        return _nobodys(words, lower, irregular)
    verb = at - 2 if lower[at - 1] in PARTICLES else at - 1
    begin, subject = be + 1, words[be + 1 : verb]
    if not subject:
        begin = next((i + 1 for i in range(be - 1, -1, -1) if lower[i] in AUXILIARIES or lower[i] in WH), 0)
        subject = words[begin:be]
    end = next((i for i in range(at + 1, len(words)) if lower[i] in CLAUSE_WORDS or not lower[i][0].isalnum()), len(words))
    moved_be = [words[be]] if begin <= be else []
    return [*words[:begin], *words[at + 1 : end], *moved_be, *words[verb:at], *subject, *words[end:]]


def _nobodys(words: Sequence[str], lower: Sequence[str], irregular: frozenset[str]) -> list[str]:
    """`how is interest calculated` → `how is calculated interest`, as in `how do I calculate interest`."""
    if len(words) < 4 or lower[0] not in ("how", "when", "where") or lower[1] not in AUXILIARIES:
        return list(words)
    verb = next(
        (i for i in range(3, len(words)) if _done(lower, i, irregular) and (i + 1 == len(words) or _ends(words[i + 1]))),
        None,
    )
    if verb is None or (lower[1] not in BE and lower[verb - 1] != "be"):
        return list(words)
    end = verb - 1 if lower[verb - 1] == "be" else verb
    return [*words[:2], words[verb], *words[2:end], *words[verb + 1 :]]


def _by_whom(words: Sequence[str], lower: Sequence[str]) -> list[str]:
    """`by who was it written` → `who was written it`."""
    if len(words) > 4 and lower[2] in AUXILIARIES:
        return [words[1], words[2], words[-1], *words[3:-1]]
    return list(words)


def _done(words: Sequence[str], at: int, irregular: frozenset[str]) -> bool:
    """Whether a participle stands there, with a particle or without."""
    word = words[at - 1] if words[at] in PARTICLES and at else words[at]
    return word in irregular or word in UNCHANGED or _ED.match(word) is not None


def _ends(word: str) -> bool:
    return word.lower() in STOP or not word[0].isalnum()
