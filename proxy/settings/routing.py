"""`routing`: what holds for models that don't say otherwise, and the vocabulary that they share."""

import re
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from proxy.settings.base import Count, NonNegative, Positive, Section
from proxy.settings.suggest import did_you_mean

STRATEGY_NAMES = ("model", "failover", "cost", "latency", "weighted", "hybrid", "round_robin", "content")
OWN_STRATEGY = re.compile(r"own:[A-Za-z0-9][A-Za-z0-9_.-]*")
"""A strategy that is no part of the gateway: given to its constructor, or an entry point of another package."""

_SYNONYMS = {
    "modelbased": "model",
    "ordered": "failover",
    "priority": "failover",
    "failoverchain": "failover",
    "costbased": "cost",
    "costoptimized": "cost",
    "lowestcost": "cost",
    "latencybased": "latency",
    "latencyoptimized": "latency",
    "leastlatency": "latency",
    "lowestlatency": "latency",
    "roundrobin": "round_robin",
    "canary": "weighted",
    "simpleshuffle": "weighted",
    "intelligent": "hybrid",
    "contentbased": "content",
}
"""Names of the replaced systems (and LiteLLM's), without what separates their words and without a final `routing`."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_HEADER = "header:"


def strategy_name(value: Any) -> Any:
    """The name that is meant: case, `-` and the synonyms of older systems do not matter. What is no name comes back as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    word = re.sub(r"[\s_-]", "", text.lower()).removesuffix("routing")
    if word in _SYNONYMS:
        return _SYNONYMS[word]
    return text if OWN_STRATEGY.fullmatch(text) else text.lower().replace("-", "_")


def _known_strategy(value: Any) -> Any:
    name = strategy_name(value)
    if isinstance(name, str) and name not in STRATEGY_NAMES and not OWN_STRATEGY.fullmatch(name):
        raise ValueError(f"must be one of {', '.join(STRATEGY_NAMES)}, or own:NAME{did_you_mean(name, STRATEGY_NAMES)}")
    return name


Strategy = Annotated[str, BeforeValidator(_known_strategy)]


def _sticky(value: Any) -> Any:
    if isinstance(value, str) and value not in ("key", "user") and not (value.startswith(_HEADER) and value[len(_HEADER) :].strip()):
        raise ValueError("must be key, user, or header:NAME")
    return value.lower() if isinstance(value, str) else value


Sticky = Annotated[str, BeforeValidator(_sticky)]


class RetryBudgetSettings(Section):
    """So that retries cannot multiply the load of an outage: beyond it a failure is the client's at once."""

    share: Share = Field(0.2, description="Retries may be at most this share of the requests of the last `window_s`; 0: only the floor.")
    floor_per_s: NonNegative = Field(10, description="Retries that are always allowed in a second, averaged over `window_s` seconds.")
    window_s: Positive = Field(10, description="What is looked back on, in seconds.")


class RetrySettings(Section):
    attempts: Count = Field(3, le=20, description="Tries on the wire over all targets of one request.")
    backoff_base_s: Positive = Field(0.1, description="Full jitter: the n-th pause is drawn from 0 to 2 to the n times this, in seconds.")
    backoff_max_s: Positive = Field(10, description="The longest pause that is drawn, in seconds.")
    per_try_s: Positive | None = Field(
        None, description="A try that has shown nothing after so long, in seconds, is given up: it is billed all the same. Null: never."
    )


class BreakerSettings(Section):
    enabled: bool = Field(True, description="Whether targets that fail are left alone for a while.")
    threshold: Count = Field(5, description="Consecutive failures of a target that open its breaker.")
    open_s: NonNegative = Field(30, description="How long it stays open before one probe, in seconds.")
    successes: Count = Field(2, description="Successful probes that close it.")


class ProbeSettings(Section):
    every_s: Positive | None = Field(None, description="Ask targets whose breaker is open how they are, each so many seconds; null: never.")
    timeout_s: Positive = Field(5, description="A probe that takes longer has failed, in seconds.")


class HybridSettings(Section):
    cost: NonNegative = Field(0.4, description="Weight of what a request will cost.")
    latency: NonNegative = Field(0.4, description="Weight of the time to first token and the speed.")
    reliability: NonNegative = Field(0.2, description="Weight of the share of tries that succeeded.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.cost + self.latency + self.reliability <= 0:
            raise ValueError("at least one weight must be above 0")
        return self


class TimeoutSettings(Section):
    """Null: unbounded. The streaming two bind streams only: a timed-out call is still billed."""

    connect_s: Positive | None = Field(5, description="To a connected socket, TLS included, in seconds.")
    first_token_s: Positive | None = Field(None, description="Streams: to the first event with content, in seconds.")
    between_chunks_s: Positive | None = Field(None, description="Streams: between two pieces of the body, in seconds.")
    total_s: Positive | None = Field(600, description="The whole request with all its attempts, in seconds.")


class RoutingSettings(Section):
    """What holds for models that don't say otherwise."""

    strategy: Strategy = Field("model", description=f"How a target is chosen: {', '.join(STRATEGY_NAMES)}, or `own:NAME`.")
    retries: RetrySettings = Field(RetrySettings(), description="Tries of one request.")
    retry_budget: RetryBudgetSettings = Field(RetryBudgetSettings(), description="How many retries there may be over all requests.")
    timeouts: TimeoutSettings = Field(TimeoutSettings(), description="Time-outs of one request.")
    breaker: BreakerSettings = Field(BreakerSettings(), description="Circuit breaker of each target.")
    slow_start_s: NonNegative = Field(30, description="A target that recovers gets its full share after so long, in seconds; 0: at once.")
    quota_reserve: Share = Field(
        0.02, description="Other targets go first once a provider reports that less than this share of a quota is left."
    )
    probes: ProbeSettings = Field(ProbeSettings(), description="Active probes.")
    hybrid: HybridSettings = Field(HybridSettings(), description="Weights of strategy `hybrid`.")
    sticky: Sticky | None = Field(
        None, description="Strategy `weighted`: `key`, `user` or `header:NAME` keep their target; null: each request is drawn anew."
    )

    @field_validator("retries")
    @classmethod
    def _ordered(cls, value: RetrySettings) -> RetrySettings:
        if value.backoff_max_s < value.backoff_base_s:
            raise ValueError("backoff_max_s is below backoff_base_s")
        return value


def overlay_timeouts(*layers: TimeoutSettings | None) -> TimeoutSettings:
    """The first layer's fields under those that each further layer sets itself."""
    fields: dict[str, Any] = {}
    for layer in layers:
        if layer is not None:
            fields.update({name: getattr(layer, name) for name in layer.model_fields_set})
    return TimeoutSettings(**fields)
