"""What becomes of each feature between two dialects, out of their declarations (features.py), and docs/translation.md written from it.

carried         the other dialect says the same
helped          it has no place for it, but the gateway does it instead (helped.py)
approximated    it says something near; the client's path is reported
dropped         it has no place for it; the client's path is reported
None            the one that speaks has no such concept
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import msgspec

from proxy.codecs.anthropic_messages.declares import DECLARATION as MESSAGES
from proxy.codecs.bedrock_converse.declares import DECLARATION as CONVERSE
from proxy.codecs.features import Answered, Asked, Declaration, Says
from proxy.codecs.gemini_generate.declares import DECLARATION as GEMINI
from proxy.codecs.helped import INLINE_ONLY, SINGLE_CHOICE
from proxy.codecs.openai_chat.declares import DECLARATION as CHAT
from proxy.codecs.openai_responses.declares import DECLARATION as RESPONSES

DECLARATIONS: dict[str, Declaration] = {each.dialect: each for each in (CHAT, RESPONSES, MESSAGES, CONVERSE, GEMINI)}
"""Dialect → what it declares: the literal table."""

Feature = TypeVar("Feature", Asked, Answered)
_SIGNS = {"carried": "✓", "helped": "⇄", "approximated": "≈", "dropped": "✗"}
_NONE = "·"


class Outcome(msgspec.Struct, frozen=True):
    kind: Literal["carried", "helped", "approximated", "dropped"]
    becomes: str = ""
    """Of something approximated: what is made of it."""


def outcome(said: Says | None, taken: Says | None) -> Outcome | None:
    """`said`: by the dialect that speaks; `taken`: by the one that is spoken to."""
    if said is None or not said.place:
        return None
    if taken is None or not taken.takes:
        return Outcome("dropped")
    if taken.becomes:
        return Outcome("approximated", taken.becomes)
    if taken.form and taken.form != said.form:
        return Outcome("dropped")
    return Outcome("carried")


def asked(feature: Asked, client: Declaration, provider: Declaration) -> Outcome | None:
    """Of a client's request at a provider."""
    found = outcome(client.requests.get(feature), provider.requests.get(feature))
    return Outcome("helped") if found is not None and found.kind == "dropped" and _helped(feature, provider.dialect) else found


def _helped(feature: Asked, dialect: str) -> bool:
    match feature:
        case Asked.IMAGE_URL:
            return "image" in INLINE_ONLY.get(dialect, ())
        case Asked.DOCUMENT_URL:
            return "document" in INLINE_ONLY.get(dialect, ())
        case Asked.CHOICES:
            return dialect in SINGLE_CHOICE
        case _:
            return False


def answered(feature: Answered, client: Declaration, provider: Declaration) -> Outcome | None:
    """Of a provider's answer for a client."""
    return outcome(provider.answers.get(feature), client.answers.get(feature))


_HEAD = """# Translation

<!-- Written by `scripts/translation`; a test compares. Change the codecs' `declares.py` instead. -->

A client whose dialect the provider speaks passes untranslated, so nothing below concerns it. Between two dialects the tables say what
becomes of each feature, written from what the codecs declare; `tests/unit/codecs/test_translation.py` sends a sample of each through each
pair and compares.

- ✓ carried: the other dialect says the same, perhaps elsewhere.
- ⇄ done by the gateway: it has no place for it, so the gateway fetches what the URL holds, or makes as many calls as answers are wanted.
- ≈ approximated: it says something near, named in the notes.
- ✗ dropped: it has no place for it.
- · the side that speaks has no such concept.

Everything ≈ or ✗ in a request is named in the header `x-llm-edge-dropped`, by its JSON path in the client's request; under
`x-llm-edge-strict: true` it is refused with 422 instead, before the provider is called. What a provider's whole answer loses is named
there, too, as `response.` and its canonical name (`response.logprobs`, `response.content[0].citations`). A stream's headers go out before
its content: they name the request's losses only. Envelopes (ids, times, object kinds) are each dialect's own: a translated answer's id is
the provider's in the form of the client's dialect (`msg_01X` is `chatcmpl-01X`). The tables hold for the newest models; the notes say
where others differ. Legacy completions and the models of InvokeModel that take a prompt are not in the tables: a prompt is text, and
everything else is reported.
"""


def document() -> str:
    """docs/translation.md."""
    parts = [_HEAD, "\n## Requests\n\nRows are features, columns are providers.\n"]
    for client in DECLARATIONS.values():
        providers = [each for each in DECLARATIONS.values() if each is not client]
        parts.append(f"\n### {client.title} clients\n\n")
        parts.append(_table(list(Asked), providers, lambda feature, other, client=client: asked(feature, client, other)))  # type: ignore[misc]
    parts.append("\n## Answers\n\nRows are features, columns are providers again: what becomes of their answers for the client.\n")
    for client in DECLARATIONS.values():
        providers = [each for each in DECLARATIONS.values() if each is not client]
        parts.append(f"\n### Answers for {client.title} clients\n\n")
        parts.append(_table(list(Answered), providers, lambda feature, other, client=client: answered(feature, client, other)))  # type: ignore[misc]
    parts.append("\n## What is made of what has no place\n\n" + _approximations())
    models = ", ".join(f"{each.title} {each.models}" for each in DECLARATIONS.values())
    parts.append(f"\n## Where each dialect says it\n\nThe tables above are for these models of providers: {models}.\n\n" + _places())
    return "".join(parts)


def _table(features: Sequence[Feature], others: Sequence[Declaration], find: Callable[[Feature, Declaration], Outcome | None]) -> str:
    """Without the rows that nobody speaks of."""
    lines = ["| |" + "".join(f" {other.title} |" for other in others), "|---|" + "---|" * len(others)]
    for feature in features:
        found = [find(feature, other) for other in others]
        if any(found):
            lines.append(f"| {feature.value} |" + "".join(f" {_NONE if one is None else _SIGNS[one.kind]} |" for one in found))
    return "\n".join(lines) + "\n"


def _approximations() -> str:
    lines = ["| | written for | as |", "|---|---|---|"]
    for each in DECLARATIONS.values():
        lines += [
            f"| {feature.value} | {each.title} providers | {says.becomes} |" for feature, says in each.requests.items() if says.becomes
        ]
    for each in DECLARATIONS.values():
        lines += [f"| {feature.value} | {each.title} clients | {says.becomes} |" for feature, says in each.answers.items() if says.becomes]
    return "\n".join(lines) + "\n"


def _places() -> str:
    """Notes are numbered below their table."""
    out = []
    for title, features in (("Requests", list(Asked)), ("Answers", list(Answered))):
        notes: list[str] = []
        lines = [f"### {title}\n", "| |" + "".join(f" {each.title} |" for each in DECLARATIONS.values()), "|---" * 6 + "|"]
        for feature in features:
            found = [
                each.requests.get(feature) if isinstance(feature, Asked) else each.answers.get(feature) for each in DECLARATIONS.values()
            ]
            lines.append(f"| {feature.value} |" + "".join(f" {_place(says, notes)} |" for says in found))
        numbered = [f"{number}. {note}" for number, note in enumerate(notes, 1)]
        out.append("\n".join([*lines, *([""] if numbered else []), *numbered]) + "\n")
    return "\n".join(out)


def _place(says: Says | None, notes: list[str]) -> str:
    if says is None or not (says.place or says.written):
        return ""
    told = [says.note] if says.note else []
    if says.place and says.written:
        told.insert(0, f"for clients of other dialects {says.written}")
    for note in told:
        if note not in notes:
            notes.append(note)
    marks = "".join(f" ({notes.index(note) + 1})" for note in told)
    return f"`{says.place or says.written}`{marks}"
