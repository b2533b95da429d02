"""A whole answer as the events of a stream that would have carried it."""

from collections.abc import Iterator

from proxy.core.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    LogprobsDelta,
    SignatureDelta,
    StreamEnd,
    StreamEvent,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.messages import OpaquePart, Part, RedactedThinkingPart, RefusalPart, TextPart, ThinkingPart, ToolUsePart
from proxy.core.response import ChatResponse


def response_to_events(response: ChatResponse) -> list[StreamEvent]:
    """Parts that no stream carries (a generated image, audio) are left out."""
    events: list[StreamEvent] = [
        StreamStart(
            id=response.id, model=response.model, created=response.created, service_tier=response.service_tier, extra=response.extra
        )
    ]
    block = 0
    for choice in response.choices:
        for part in choice.content:
            carried = list(_part(part, block, choice.index))
            events += carried
            block += bool(carried)
        if choice.logprobs is not None:
            events.append(LogprobsDelta(choice=choice.index, logprobs=choice.logprobs))
        events.append(Finish(choice=choice.index, reason=choice.finish, stop_sequence=choice.stop_sequence))
    if response.usage is not None:
        events.append(UsageUpdate(usage=response.usage))
    events.append(StreamEnd())
    return events


def _part(part: Part, block: int, choice: int) -> Iterator[StreamEvent]:
    if isinstance(part, TextPart):
        yield BlockStart(block=block, kind="text", choice=choice)
        yield TextDelta(block=block, text=part.text)
        for citation in part.citations:
            yield CitationDelta(block=block, citation=citation, dialect=part.citations_dialect or "")
    elif isinstance(part, ThinkingPart):
        yield BlockStart(block=block, kind="thinking", choice=choice)
        yield TextDelta(block=block, text=part.text)
        if part.signature is not None:
            yield SignatureDelta(block=block, signature=part.signature)
    elif isinstance(part, RefusalPart):
        yield BlockStart(block=block, kind="refusal", choice=choice)
        yield TextDelta(block=block, text=part.text)
    elif isinstance(part, ToolUsePart):
        yield BlockStart(block=block, kind="tool_use", choice=choice, id=part.id, name=part.name)
        yield ArgumentsDelta(block=block, json=part.arguments)
    elif isinstance(part, RedactedThinkingPart | OpaquePart):
        kind: BlockKind = "opaque" if isinstance(part, OpaquePart) else "redacted_thinking"
        yield BlockStart(block=block, kind=kind, choice=choice, part=part)
    else:
        return
    yield BlockStop(block=block)
