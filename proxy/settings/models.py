"""`models` and `routing`: what clients may ask for and where it goes."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from proxy.settings.base import Count, NonNegative, Positive, Section

StrategyName = Literal["model", "cost", "latency", "failover", "weighted", "hybrid", "round_robin", "content"]
BUILT_STRATEGIES = ("model", "failover")

_SYNONYMS = {
    "model_based": "model",
    "ordered": "failover",
    "failover_chain": "failover",
    "cost_based": "cost",
    "cost_optimized": "cost",
    "latency_based": "latency",
    "least_latency": "latency",
    "roundrobin": "round_robin",
    "canary": "weighted",
    "intelligent": "hybrid",
    "content_based": "content",
}


def _strategy(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    word = value.strip().lower().replace("-", "_")
    return _SYNONYMS.get(word, word)


Strategy = Annotated[StrategyName, BeforeValidator(_strategy)]


class RetrySettings(Section):
    attempts: Count = Field(3, le=20, description="Tries on the wire over all targets of one request.")


class TimeoutSettings(Section):
    """Null: unbounded. The streaming two bind streams only: a timed-out call is still billed."""

    connect_s: Positive | None = Field(5, description="To a connected socket, TLS included, in seconds.")
    first_token_s: Positive | None = Field(None, description="Streams: to the first event with content, in seconds.")
    between_chunks_s: Positive | None = Field(None, description="Streams: between two pieces of the body, in seconds.")
    total_s: Positive | None = Field(600, description="The whole request with all its attempts, in seconds.")


class TargetSettings(Section):
    provider: str = Field(description="Name under `providers`.")
    model: str | None = Field(None, min_length=1, description="Name at the provider; null: as the client asked.")
    weight: Positive = Field(1, description="Share of the traffic under strategy `weighted`, relative to the other targets.")


class ModelSettings(Section):
    """One name (or pattern such as `gpt-*`) that clients may use."""

    strategy: Strategy | None = Field(None, description="How a target is chosen; null: `routing.strategy`.")
    targets: tuple[TargetSettings, ...] = Field(min_length=1, description="Where it may go, in order of preference.")
    retries: RetrySettings | None = Field(None, description="Null: `routing.retries`.")
    timeouts: TimeoutSettings | None = Field(None, description="What is left out comes from the provider, then `routing.timeouts`.")


class BreakerSettings(Section):
    threshold: Count = Field(5, description="Consecutive failures of a provider that open its breaker.")
    open_s: NonNegative = Field(30, description="How long it stays open before one probe, in seconds.")
    successes: Count = Field(2, description="Successful probes that close it.")


class RoutingSettings(Section):
    """What holds for models that don't say otherwise."""

    strategy: Strategy = Field("model", description="How a target is chosen.")
    retries: RetrySettings = Field(RetrySettings(), description="Tries of one request.")
    timeouts: TimeoutSettings = Field(TimeoutSettings(), description="Time-outs of one request.")
    breaker: BreakerSettings = Field(BreakerSettings(), description="Circuit breaker of each provider.")


def overlay_timeouts(*layers: TimeoutSettings | None) -> TimeoutSettings:
    """The first layer's fields under those that each further layer sets itself."""
    fields: dict[str, Any] = {}
    for layer in layers:
        if layer is not None:
            fields.update({name: getattr(layer, name) for name in layer.model_fields_set})
    return TimeoutSettings(**fields)
