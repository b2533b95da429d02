"""What a request asks, apart from everything around it."""

from typing import Any

import pytest

from proxy.cache.semantic.question import MAX_CHARS, answerable, split

USER = {"role": "user", "content": "how?"}


@pytest.mark.parametrize(
    ("dialect", "body", "rest"),
    [
        ("openai_chat", {"messages": [USER], "seed": 1}, {"messages": [{"role": "user", "content": None}], "seed": 1}),
        (
            "anthropic_messages",
            {"messages": [USER, {"role": "user", "content": [{"type": "text", "text": "how?"}]}]},
            {"messages": [USER, {"role": "user", "content": None}]},
        ),
        (
            "bedrock_converse",
            {"messages": [{"role": "user", "content": [{"text": "how?"}]}]},
            {"messages": [{"role": "user", "content": None}]},
        ),
        ("gemini_generate", {"contents": [{"parts": [{"text": "how?"}]}]}, {"contents": [{"parts": None}]}),
        ("openai_responses", {"input": "how?", "store": False}, {"input": None, "store": False}),
        (
            "openai_responses",
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "how?"}]}]},
            {"input": [{"role": "user", "content": None}]},
        ),
        ("openai_completions", {"prompt": "how?"}, {"prompt": None}),
    ],
)
def test_the_last_plain_text_of_the_user_is_the_question(dialect: str, body: dict[str, Any], rest: dict[str, Any]) -> None:
    """All else is what has to be equal."""
    assert split(dialect, body) == ("how?", rest)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai_chat", {"messages": [USER, {"role": "assistant", "content": "so"}]}),
        ("openai_chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}),
        ("openai_chat", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
        ("anthropic_messages", {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {}}]}]}),
        ("openai_chat", {"messages": [{"role": "user", "content": "x" * (MAX_CHARS + 1)}]}),
        ("openai_chat", {"messages": ["how?"]}),
        ("openai_chat", {"messages": "how?"}),
        ("openai_chat", {"messages": {"role": "user"}}),
        ("openai_completions", {"prompt": ["how?"]}),
        ("openai_completions", {"prompt": "x" * (MAX_CHARS + 1)}),
        ("openai_embeddings", {"input": "how?"}),
        ("openai_chat", {}),
    ],
)
def test_anything_else_is_no_question(dialect: str, body: dict[str, Any]) -> None:
    """Several parts, media, documents, answers, embeddings."""
    assert split(dialect, body) is None


@pytest.mark.parametrize("text", ["yes", "why not", "Was ist der Unterschied zwischen Katze und Hund?", "請問退款政策是什麼,我要退貨"])
def test_what_the_guards_know_too_little_of_is_not_looked_up(text: str) -> None:
    """Too short, or not English: a `nicht` would pass unseen."""
    assert answerable(text) is None


@pytest.mark.parametrize("text", ["What causes hypertension?", "normal resting heart rate adults", "tax deadline Ireland companies"])
def test_few_small_words_are_enough_where_the_others_are_english(text: str) -> None:
    """As people write into search boxes."""
    assert answerable(text) is not None


def test_an_english_question_is_taken_apart() -> None:
    """For the guards."""
    question = answerable("What is your refund policy?")
    assert question is not None
    assert question.content == ("refund", "policy")
