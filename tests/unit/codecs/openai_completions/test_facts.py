"""The passthrough lane's look at a whole completion."""

from pathlib import Path

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_completions.facts import answer_facts
from proxy.codecs.openai_completions.response import decode_response

WIRE = Path(__file__).parents[3] / "wire/openai_completions"


def test_facts_agree_with_the_decoder() -> None:
    """Both lanes learn the same."""
    body = (WIRE / "completion.json").read_bytes()
    response, facts = decode_response(body), answer_facts(body)
    assert (facts.response_id, facts.model, facts.created, facts.usage) == (response.id, response.model, response.created, response.usage)
    assert facts.finished
    assert not facts.tool_calls


@pytest.mark.parametrize(
    "body",
    [b"<html>", b'{"error": {"message": "no"}}', b'{"choices": [{}]}', b'{"choices": [{"text": "a", "finish_reason": "stop"}], "id": 5}'],
)
def test_what_is_no_answer(body: bytes) -> None:
    """As the decoder."""
    with pytest.raises(InvalidBody):
        answer_facts(body)


def test_an_unfinished_choice() -> None:
    """Is seen; nothing at all is no answer either."""
    assert not answer_facts(b'{"choices": [{"text": "a", "finish_reason": null}]}').finished
    assert not answer_facts(b'{"choices": []}').finished
