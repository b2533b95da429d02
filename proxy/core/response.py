"""The canonical answer and its usage."""

from typing import Any, Literal

import msgspec

from proxy.core.messages import Part

FinishReason = Literal["stop", "stop_sequence", "length", "tool_calls", "content_filter", "refusal", "pause", "context_length", "other"]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts, disjoint but for `reasoning_tokens` (contained in `output_tokens`) and the audio ones (contained likewise).

    input_tokens: uncached prompt tokens; the prompt's total is input + cache_read + cache_write.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    """Part of cache_write_tokens written with a 1 h lifetime."""
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    estimated: bool = False
    incomplete: bool = False
    """The provider reported a meter that we do not know (contract F)."""
    service_tier: str | None = None
    """The tier that these tokens are billed at, as the provider reports it, by `pricing.billed_tier`; None: the standard one."""
    calls: "tuple[Usage, ...]" = ()
    """Where one answer is made of several calls (n choices at a provider that gives one): each one's, since each has its own size and tier;
    the counts above are their sums."""
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    """Usage details of the source dialect without a place above, for the same dialect's encoder."""

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    index: int = 0
    content: tuple[Part, ...] = ()
    finish: FinishReason = "stop"
    stop_sequence: str | None = None
    logprobs: dict[str, Any] | None = None
    """OpenAI chat's `logprobs` object."""
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


class ChatResponse(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    created: int | None = None
    """Unix seconds; None where the dialect has none."""
    service_tier: str | None = None
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
