"""What reached the upstreams, call by call, and what it comes to.

Words, as the report uses them. A *request* is what a client sent; a *call* is one HTTP request that reached a member of the set.

- **wasted**: a call beyond the first of its request. Whatever it was for, the client needed one. Shadow calls are counted apart.
- **duplicate**: an answer that a member wrote to its end, beyond the first of its request: the provider bills each.
- **billed in part**: an answer that had begun when the gateway hung up (a hedge that lost, a client that left).
- **after the first byte**: a call that began after the client had content of that request's answer.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

RACE_NS = 20_000_000
"""A call that was decided on before the first content reached the client may still arrive so much later."""


class WireCall(msgspec.Struct):
    """Times in ns of the machine's monotonic clock, which all its processes share; 0: did not happen."""

    number: int
    """Over all members, from 1; stands in the text of the answer."""
    member: str
    request: str
    """The mark in the request's last user message; empty: it has none (a probe)."""
    stream: bool
    began_ns: int
    act: str = "answer"
    """What the script did with it."""
    status: int = 0
    first_ns: int = 0
    """First content written."""
    ended_ns: int = 0
    completed: bool = False
    """A good answer was written to its end."""
    left: bool = False
    """The caller hung up before."""


class WireLog:
    """Of one script."""

    def __init__(self) -> None:
        self.calls: list[WireCall] = []

    def begin(self, member: str, request: str, stream: bool, now_ns: int) -> WireCall:
        call = WireCall(len(self.calls) + 1, member, request, stream, now_ns)
        self.calls.append(call)
        return call

    def of(self, request: str) -> list[WireCall]:
        return [call for call in self.calls if call.request == request]

    def at(self, member: str) -> list[WireCall]:
        return [call for call in self.calls if call.member == member]


def by_request(calls: Iterable[WireCall]) -> dict[str, list[WireCall]]:
    """Without those that belong to no request."""
    found: defaultdict[str, list[WireCall]] = defaultdict(list)
    for call in calls:
        if call.request:
            found[call.request].append(call)
    return dict(found)


class WireTally(msgspec.Struct, frozen=True):
    requests: int
    calls: int
    """Of requests, shadow calls left out."""
    wasted: int
    duplicates: int
    billed_in_part: int
    after_first_byte: int
    most: int
    """Calls of one request."""
    off: int
    """Requests that did not have exactly as many calls as asked about."""
    over: int
    """Requests that had more."""
    unmarked: int
    """Calls that belong to no request."""
    shadow: int
    throttled: int
    """Calls answered with 429."""
    faulty: int
    """Calls that the script let fail."""


def tally(
    calls: Sequence[WireCall], first_content: Mapping[str, int], *, attempts: int, shadows: frozenset[str] = frozenset()
) -> WireTally:
    """`first_content`: each request → when its client had content, 0: never. `shadows`: members whose calls are copies."""
    own = [call for call in calls if call.member not in shadows]
    grouped = by_request(own)
    counts = [len(grouped.get(request, ())) for request in first_content]
    late = 0
    for request, first_ns in first_content.items():
        if first_ns:
            late += sum(call.began_ns > first_ns + RACE_NS for call in grouped.get(request, ()))
    completed = [sum(call.completed for call in group) for group in grouped.values()]
    return WireTally(
        requests=len(first_content),
        calls=sum(counts),
        wasted=sum(max(count - 1, 0) for count in counts),
        duplicates=sum(max(count - 1, 0) for count in completed),
        billed_in_part=sum(call.left and call.first_ns > 0 for call in own),
        after_first_byte=late,
        most=max(counts, default=0),
        off=sum(count != attempts for count in counts),
        over=sum(count > attempts for count in counts),
        unmarked=sum(not call.request for call in own),
        shadow=len(calls) - len(own),
        throttled=sum(call.status == 429 for call in own),
        faulty=sum(call.act != "answer" for call in own),
    )
