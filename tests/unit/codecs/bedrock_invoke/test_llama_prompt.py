"""Llama's templates."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.bedrock_invoke.llama_prompt import LLAMA3, LLAMA4, Template, Turn, harmless, parse, render, template_of

turns = st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text(max_size=10)), min_size=1, max_size=4)


def test_llama_3() -> None:
    """As the model card has it."""
    assert render([("user", "hello")], LLAMA3) == (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhello<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_llama_4() -> None:
    """As the model card has it."""
    assert template_of("us.meta.llama4-scout-17b-instruct-v1:0") is LLAMA4
    assert template_of("meta.llama3-8b-instruct-v1:0") is LLAMA3
    assert render([("user", "hello")], LLAMA4) == (
        "<|begin_of_text|><|header_start|>user<|header_end|>\n\nhello<|eot|><|header_start|>assistant<|header_end|>\n\n"
    )


@settings(max_examples=100, derandomize=True, deadline=None)
@given(turns, st.sampled_from([LLAMA3, LLAMA4]))
def test_what_is_rendered_is_parsed(given_turns: list[Turn], template: Template) -> None:
    """The same turns."""
    assert parse(render(given_turns, template)) == given_turns


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "hello",
        "<|begin_of_text|>hello",
        render([("user", "a")], LLAMA3) + "Sure",
        render([("user", "a<|python_tag|>b")], LLAMA3),
        render([("ipython", "a")], LLAMA3),
    ],
)
def test_other_texts_are_no_template(prompt: str) -> None:
    """They would not come back as they were."""
    assert parse(prompt) is None


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(["<|eot_id|>", "<|", "|>", "<", "|", "a", "<|eot|>"]), max_size=6).map("".join))
def test_a_text_begins_no_turn(text: str) -> None:
    """Special tokens in it are broken; nothing else is touched."""
    safe = harmless(text)
    assert "<|eot_id|>" not in safe
    assert "<|eot|>" not in safe
    assert safe.replace("< |", "<|") == text.replace("< |", "<|")
    assert parse(render([("user", safe)], LLAMA3)) == [("user", safe)]
