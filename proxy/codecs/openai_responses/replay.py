"""A whole answer as the events of a stream."""

import msgspec

from proxy.codecs.accumulate import response_to_events
from proxy.codecs.logprobs import tokens_of
from proxy.codecs.openai_responses.response import take_logprobs
from proxy.codecs.openai_responses.thinking import unpacked
from proxy.core.events import BlockStart, BlockStop, LogprobsDelta, SignatureDelta, StreamEvent, TextDelta
from proxy.core.response import ChatResponse


def answer_events(response: ChatResponse) -> list[StreamEvent]:
    """As others make them, but for two things that this dialect says earlier: a reasoning item's id stands at its start, and log
    probabilities stand with their text, before its block stops."""
    return _with_logprobs(_with_ids(response_to_events(response)))


def _with_ids(events: list[StreamEvent]) -> list[StreamEvent]:
    ids = {event.block: unpacked(event.signature)[1] for event in events if isinstance(event, SignatureDelta)}
    return [
        msgspec.structs.replace(event, id=ids[event.block]) if isinstance(event, BlockStart) and ids.get(event.block) else event
        for event in events
    ]


def _with_logprobs(events: list[StreamEvent]) -> list[StreamEvent]:
    found = [event for event in events if isinstance(event, LogprobsDelta) and event.choice == 0]
    texts = {event.block for event in events if isinstance(event, BlockStart) and event.kind == "text" and event.choice == 0}
    if not found or not texts:
        return events
    tokens = tokens_of(found[0].logprobs)
    lengths = {event.block: len(event.text) for event in events if isinstance(event, TextDelta)}
    out: list[StreamEvent] = []
    for event in events:
        if isinstance(event, BlockStop) and event.block in texts:
            taken = take_logprobs(tokens, None if event.block == max(texts) else lengths.get(event.block, 0))
            if taken:
                out.append(LogprobsDelta(choice=0, logprobs={"content": taken, "refusal": None}))
        if event is not found[0]:
            out.append(event)
    return out
