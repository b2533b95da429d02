"""A whole answer as events."""

from proxy.codecs.openai_responses.replay import answer_events
from proxy.core.events import BlockStart, BlockStop, LogprobsDelta, StreamEnd, StreamStart
from proxy.core.messages import TextPart, ThinkingPart
from proxy.core.response import ChatResponse, Choice

TOKENS = [{"token": "ab"}, {"token": "c"}]


def events(choice: Choice) -> list[object]:
    return list(answer_events(ChatResponse(id="r", model="m", choices=(choice,))))


def test_logprobs_stand_with_their_text() -> None:
    """Each before its block stops."""
    found = events(Choice(content=(TextPart(text="ab"), TextPart(text="c")), logprobs={"content": list(TOKENS), "refusal": None}))
    at = [i for i, event in enumerate(found) if isinstance(event, LogprobsDelta)]
    assert [found[i + 1] for i in at] == [BlockStop(block=0), BlockStop(block=1)]
    assert [event.logprobs["content"] for event in found if isinstance(event, LogprobsDelta)] == [TOKENS[:1], TOKENS[1:]]


def test_without_text_they_stay() -> None:
    """For the encoder to report."""
    found = events(Choice(logprobs={"content": TOKENS}))
    assert [type(event) for event in found if isinstance(event, StreamStart | LogprobsDelta | StreamEnd)] == [
        StreamStart,
        LogprobsDelta,
        StreamEnd,
    ]


def test_reasoning_begins_under_its_id() -> None:
    """Which the signature holds; another provider's has none."""
    own = ThinkingPart(text="t", signature="openai_responses:summary:rs_1:e")
    found = events(Choice(content=(own, ThinkingPart(text="t", signature="s"))))
    assert [event.id for event in found if isinstance(event, BlockStart)] == ["rs_1", None]
