"""`models`: what clients may ask for and where it goes."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from proxy.settings.base import Count, NonNegative, Positive, Section, Strings, split_list
from proxy.settings.routing import HybridSettings, RetrySettings, Share, Sticky, Strategy, TimeoutSettings

Need = Literal["vision", "tools", "json", "audio", "pdf", "reasoning"]


class TargetSettings(Section):
    provider: str = Field(description="Name under `providers`.")
    model: str | None = Field(None, min_length=1, description="Name at the provider; null: as the client asked.")
    weight: NonNegative = Field(1, description="Share of the traffic under strategy `weighted`, relative to the other targets; 0: none.")
    priority: int = Field(0, ge=0, description="Strategy `failover`: the lowest is tried first; equal ones in their order.")
    quality: Share | None = Field(None, description="Your own judgement, 0 to 1, for `quality_floor`; null: not judged.")
    region: str | None = Field(None, description="Where it is, for requests that ask for it with `x-llm-edge-tags: region=NAME`.")
    tags: Strings = Field((), description="Requests with `x-llm-edge-tags` go to targets that have all of those.")
    concurrency: Count | None = Field(None, description="Calls at the same time from one process; null: unbounded.")
    rpm: Count | None = Field(None, description="Calls a minute from one process; null: unbounded.")
    queue: int = Field(0, ge=0, description="Requests that may wait for a free place, here or at a key, when no other target has one.")
    queue_wait_s: Positive = Field(1, description="How long they wait at most, in seconds.")


class ConditionSettings(Section):
    """All that are given must hold."""

    keywords: Strings = Field((), description="Any of these words or phrases in what the user wrote, whatever their case.")
    prompt_tokens_over: Count | None = Field(None, description="The prompt has more tokens than this, as estimated.")
    prompt_tokens_under: Count | None = Field(None, description="The prompt has fewer tokens than this, as estimated.")
    needs: Annotated[tuple[Need, ...], BeforeValidator(split_list)] = Field((), description="The request has or asks for all of these.")
    tags: Strings = Field((), description="All of these stand in `x-llm-edge-tags`.")
    headers: dict[str, str] = Field({}, description="Request headers with exactly these values.")


class ContentRuleSettings(Section):
    when: ConditionSettings = Field(ConditionSettings(), description="Which requests; empty: all.")
    targets: Strings = Field(min_length=1, description="Ids (`provider/model`) of targets of this entry, best first; the others follow.")


class HedgeSettings(Section):
    """A second target is asked when the first is slow to begin."""

    enabled: bool = Field(True, description="Whether there are hedges.")
    after_s: Positive | None = Field(None, description="How long the first may take, in seconds; null: the p95 of its time to first token.")
    share: Share = Field(0.05, description="Hedges may be at most this share of the requests.")
    streams_only: bool = Field(True, description="Whether requests for a whole answer are left out.")
    bill: Literal["caller", "gateway"] = Field("caller", description="Who pays for the call that lost.")


class ShadowSettings(Section):
    """A copy of requests to another model; its answer goes to nobody."""

    model: str = Field(min_length=1, description="Another entry of `models`.")
    share: Share = Field(1, description="Share of the requests that are copied.")
    budget_usd: NonNegative | None = Field(None, description="What all copies of a process may cost, in USD; null: unbounded.")
    concurrency: Count = Field(128, le=4096, description="Copies at the same time from one process; more are not made.")


class ModelSettings(Section):
    """One name (or pattern such as `gpt-*`) that clients may use."""

    strategy: Strategy | None = Field(None, description="How a target is chosen; null: `routing.strategy`.")
    targets: tuple[TargetSettings, ...] = Field(min_length=1, description="Where it may go, in order of preference.")
    retries: RetrySettings | None = Field(None, description="Null: `routing.retries`.")
    timeouts: TimeoutSettings | None = Field(None, description="What is left out comes from the provider, then `routing.timeouts`.")
    sticky: Sticky | None = Field(None, description="Null: `routing.sticky`.")
    hybrid: HybridSettings | None = Field(None, description="Null: `routing.hybrid`.")
    quality_floor: Share | None = Field(None, description="Targets of a lower `quality` are left out, unless none would be left.")
    rules: tuple[ContentRuleSettings, ...] = Field((), description="Strategy `content`: the first whose conditions hold decides.")
    fallbacks: Strings = Field((), description="Other entries, whose targets are tried after the own ones.")
    context_window_fallbacks: Strings = Field((), description="Entries that are tried when the prompt is too long for the target.")
    content_policy_fallbacks: Strings = Field((), description="Entries that are tried when the target refuses the content.")
    hedge: HedgeSettings | None = Field(None, description="Hedged requests; null: none.")
    shadow: ShadowSettings | None = Field(None, description="Shadow traffic; null: none.")
    semantic_threshold: Share | None = Field(None, description="Null: `cache.semantic.threshold`; 0: no semantic cache for this model.")
    continue_streams: bool = Field(
        False, description="A plain text stream that breaks off goes on with another target, and says so; off: it ends with an error."
    )

    @field_validator("hedge", mode="before")
    @classmethod
    def _switched(cls, value: object) -> object:
        return {"enabled": value} if isinstance(value, bool) else value
