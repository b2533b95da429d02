"""What a request asks, apart from everything around it. Pure.

The question is the last thing that the user wrote, if that is one plain text. All else (model, system prompt, tools, parameters, earlier
turns) has to be the same for two questions to share an answer: it becomes the partition's digest.
"""

from typing import Any

from proxy.cache.semantic.lexicon import english
from proxy.cache.semantic.text import Question, take_apart
from proxy.cache.semantic.vocabulary import FILLERS, STOP

MAX_CHARS = 2000
"""A longer text is a document, not a question: two of them differ in something."""
MIN_WORDS = 3
SMALL = 0.25
ENGLISH = 0.75
"""Share of English function words, or of English words at all, below which the guards cannot be relied on."""
_DIALECTS = {
    "openai_chat": "messages",
    "anthropic_messages": "messages",
    "bedrock_converse": "messages",
    "bedrock_invoke": "messages",
    "gemini_generate": "contents",
    "openai_responses": "input",
    "openai_completions": "prompt",
}
"""Dialect → where its turns are."""


def split(dialect: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The question's text, and the body without it. None: there is no plain question."""
    field = _DIALECTS.get(dialect)
    turns = body.get(field) if field is not None else None
    if field is None or not turns:
        return None
    if isinstance(turns, str):
        return (turns, {**body, field: None}) if len(turns) <= MAX_CHARS and field in ("input", "prompt") else None
    if not isinstance(turns, list) or field == "prompt":
        return None
    last = turns[-1]
    if not isinstance(last, dict) or last.get("role", "user" if field == "contents" else None) != "user":
        return None
    part = "parts" if field == "contents" else "content"
    text = _plain(last.get(part))
    if text is None or len(text) > MAX_CHARS:
        return None
    return text, {**body, field: [*turns[:-1], {**last, part: None}]}


def _plain(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        text = content[0].get("text")
        if isinstance(text, str) and content[0].keys() <= {"text", "type"} and content[0].get("type", "text") in ("text", "input_text"):
            return text
    return None


def answerable(text: str) -> Question | None:
    """The question taken apart; None where the guards know too little of it: too short, or not English."""
    question = take_apart(text)
    words = question.words
    if len(text.split()) < MIN_WORDS or not words:
        return None
    plain = [word for word in words if word[0].isalnum() and word not in question.names]
    small = sum(word in STOP or word in FILLERS for word in words)
    known = sum(word in STOP or word in FILLERS or english().known(word) for word in plain)
    return question if small >= SMALL * len(words) or known >= max(ENGLISH * len(plain), MIN_WORDS) else None
