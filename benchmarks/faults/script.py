"""What a scripted upstream does with each call, decided without I/O.

A member has a latency and rules; the first rule that applies to a call says how it ends, else it is answered. Each call has a generator
of its own, seeded by seed, member and number: what happens to a member's n-th call at a given time depends on nothing else, so a run with
the same seed meets the same faults whatever the other members are asked.
"""

from collections import deque
from random import Random

import msgspec

from benchmarks.faults.latencies import Fixed, Latency


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    def __str__(self) -> str:
        return "answers"


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """An error status with OpenAI's body, before anything else."""

    status: int
    code: str
    message: str = "scripted"
    kind: str = "server_error"
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return " ".join([f"{self.status} {self.code}", *(f"{name}: {value}" for name, value in self.headers)])


class Reset(msgspec.Struct, frozen=True, tag="reset"):
    """The connection is reset: before the head, or `inside` the body after half of it."""

    inside: bool = False

    def __str__(self) -> str:
        return f"reset {_where(self.inside)}"


class Stall(msgspec.Struct, frozen=True, tag="stall"):
    """Nothing more comes, and after `seconds` the connection is closed."""

    inside: bool = False
    seconds: float = 60.0

    def __str__(self) -> str:
        return f"stall {_where(self.inside)}"


class Truncated(msgspec.Struct, frozen=True, tag="truncated"):
    """Ends before its end. A stream: with a clean last chunk, but no finish and no `[DONE]`, at once or after half (`inside`).
    A whole answer: closed with less than Content-Length promised."""

    inside: bool = False

    def __str__(self) -> str:
        return f"truncated {_where(self.inside)}"


class Malformed(msgspec.Struct, frozen=True, tag="malformed"):
    """Broken JSON: the whole body, or or one event of a stream (the first, or `inside` after half) that goes on behind it
    as if all were well."""

    inside: bool = False

    def __str__(self) -> str:
        return f"broken JSON {_where(self.inside)}"


class WrongType(msgspec.Struct, frozen=True, tag="wrong_type"):
    """200 with an HTML page, as proxies before a provider send it."""

    def __str__(self) -> str:
        return "HTML with 200"


Begun = Answer | Reset | Stall | Truncated | Malformed
"""What may follow content."""
Act = Begun | Refusal | WrongType


def server_error(status: int = 503) -> Refusal:
    return Refusal(status, "server_error")


def throttled(retry_after_s: float | None = None) -> Refusal:
    headers = () if retry_after_s is None else (("retry-after", f"{retry_after_s:g}"),)
    return Refusal(429, "rate_limit_exceeded", "Rate limit reached", "requests", headers)


def auth_error() -> Refusal:
    return Refusal(401, "invalid_api_key", "Incorrect API key provided", "invalid_request_error")


def context_length() -> Refusal:
    message = "This model's maximum context length is 10 tokens. However, your messages resulted in 60 tokens."
    return Refusal(400, "context_length_exceeded", message, "invalid_request_error")


def content_policy() -> Refusal:
    message = "Your request was rejected as a result of our safety system."
    return Refusal(400, "content_policy_violation", message, "invalid_request_error")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Applies to a call when everything that is set here does."""

    act: Act
    share: float = 1.0
    """Of the calls that it would apply to."""
    from_s: float = 0.0
    until_s: float | None = None
    period_s: float | None = None
    """Flapping: on for the first `on_s` of each period, counted from `from_s`."""
    on_s: float = 0.0
    first_call: int = 1
    last_call: int | None = None
    streams: bool | None = None
    """True: streams only; False: whole answers only."""
    latency: Latency = Fixed(0.005)
    """Until the act, instead of the member's. Where content comes before the fault the member's own holds."""

    def applies(self, number: int, elapsed_s: float, stream: bool, rng: Random) -> bool:
        if self.streams is not None and self.streams is not stream:
            return False
        if number < self.first_call or (self.last_call is not None and number > self.last_call):
            return False
        if elapsed_s < self.from_s or (self.until_s is not None and elapsed_s >= self.until_s):
            return False
        if self.period_s is not None and (elapsed_s - self.from_s) % self.period_s >= self.on_s:
            return False
        return self.share >= 1.0 or rng.random() < self.share

    def __str__(self) -> str:
        parts = [str(self.act)]
        if self.share < 1.0:
            parts.append(f"for {self.share:.1%}")
        if self.streams is not None:
            parts.append("of streams" if self.streams else "of whole answers")
        if self.from_s or self.until_s is not None:
            parts.append(f"from {self.from_s:.1f} s" + ("" if self.until_s is None else f" to {self.until_s:.1f} s"))
        if self.period_s is not None:
            parts.append(f"for {self.on_s:.2g} s of every {self.period_s:.2g} s")
        if self.first_call > 1 or self.last_call is not None:
            parts.append(f"calls {self.first_call} to {self.last_call or 'the last'}")
        return " ".join(parts)


class Quota(msgspec.Struct, frozen=True):
    """At most `calls` in any window of `window_s`; beyond it 429. Each answer says what is left, as OpenAI's headers do."""

    calls: int
    window_s: float
    retry_after: bool = False
    """Whether the 429 says when to come back."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream's script."""

    name: str
    latency: Latency = Fixed(0.0)
    """To the head of an answer, or the first event of a stream."""
    rules: tuple[Rule, ...] = ()
    quota: Quota | None = None
    capacity: int | None = None
    """Calls at once; 429 beyond."""
    chunks: int = 8
    """Pieces of text, in a stream one an event."""
    interval_s: float = 0.005
    """Between two events of a stream."""
    refuses: bool = False
    """Nobody listens on its port."""

    def describe(self) -> str:
        if self.refuses:
            return f"{self.name}: refuses connections"
        parts = [f"{self.name}: {self.latency}", f"{self.chunks} chunks, one every {self.interval_s * 1e3:g} ms"]
        parts += [str(rule) for rule in self.rules]
        if self.quota is not None:
            parts.append(
                f"{self.quota.calls} calls in {self.quota.window_s:g} s, then 429 with{'' if self.quota.retry_after else 'out'} Retry-After"
            )
        if self.capacity is not None:
            parts.append(f"{self.capacity} calls at once, then 429")
        return "; ".join(parts)


class Step(msgspec.Struct, frozen=True):
    """What happens to one call: `act`, after `latency_s`; `headers` go with an answer."""

    act: Act
    latency_s: float
    headers: tuple[tuple[str, str], ...] = ()


class MemberState:
    """A member's script at work. The caller tells time and load."""

    def __init__(self, member: Member, seed: int) -> None:
        self.member = member
        self._seed = seed
        self._window: deque[float] = deque()
        self.number = 0
        """Of the last call."""

    def decide(self, elapsed_s: float, *, stream: bool, in_flight: int = 0) -> Step:
        """For the next call, `elapsed_s` after the script's start, with `in_flight` others under way."""
        member = self.member
        self.number += 1
        rng = Random(f"{self._seed}/{member.name}/{self.number}")
        latency_s = member.latency.draw(elapsed_s, rng)
        if member.capacity is not None and in_flight >= member.capacity:
            return Step(throttled(), 0.001)
        headers: tuple[tuple[str, str], ...] = ()
        if member.quota is not None:
            refusal, headers = self._spend(member.quota, elapsed_s)
            if refusal is not None:
                return Step(refusal, 0.001)
        for rule in member.rules:
            if rule.applies(self.number, elapsed_s, stream, rng):
                content = isinstance(rule.act, Reset | Stall | Truncated | Malformed) and rule.act.inside
                return Step(rule.act, latency_s if content else rule.latency.draw(elapsed_s, rng), headers)
        return Step(Answer(), latency_s, headers)

    def _spend(self, quota: Quota, elapsed_s: float) -> tuple[Refusal | None, tuple[tuple[str, str], ...]]:
        window = self._window
        while window and window[0] <= elapsed_s - quota.window_s:
            window.popleft()
        over = len(window) >= quota.calls
        if not over:
            window.append(elapsed_s)
        reset_s = max(window[0] + quota.window_s - elapsed_s, 0.001)
        headers = (
            ("x-ratelimit-limit-requests", str(quota.calls)),
            ("x-ratelimit-remaining-requests", str(quota.calls - len(window))),
            ("x-ratelimit-reset-requests", f"{reset_s * 1e3:.0f}ms"),
        )
        if not over:
            return None, headers
        told = (("retry-after-ms", f"{reset_s * 1e3:.0f}"), ("retry-after", f"{reset_s:.3f}")) if quota.retry_after else ()
        return msgspec.structs.replace(throttled(), headers=headers + told), headers


def _where(inside: bool) -> str:
    return "inside the body" if inside else "before any content"
