"""`cache`: exact answers served again."""

from typing import Literal

from pydantic import Field, field_validator

from proxy.settings.base import Count, NonNegative, Positive, SecretUrl, Section
from proxy.settings.semantic import SemanticSettings
from proxy.settings.stores import REDIS_SCHEMES, scheme_of


class L1Settings(Section):
    """In the process."""

    max_entries: Count = Field(1000, description="Answers kept.")
    max_bytes: Count = Field(64 * 1024 * 1024, description="Bytes kept.")
    ttl_s: Positive = Field(300, description="Lifetime of an answer, in seconds.")
    idle_s: Positive | None = Field(120, description="An answer that nobody asks for is dropped after so long, in seconds; null: never.")


class L2Settings(Section):
    """In Redis."""

    enabled: bool | None = Field(None, description="Null: on when there is a Redis.")
    ttl_s: Positive = Field(3600, description="Lifetime of an answer, in seconds.")
    prefix: str = Field("llm-edge:", min_length=1, description="Prefix of the Redis keys.")
    op_timeout_ms: Positive = Field(100, description="A look-up or store that takes longer counts as a miss, in milliseconds.")
    connect_timeout_ms: Positive = Field(1000, description="To a connected socket, in milliseconds.")
    redis: SecretUrl | None = Field(None, description="A Redis of its own; null: `stores.redis`.")

    @field_validator("redis")
    @classmethod
    def _known(cls, value: SecretUrl | None) -> SecretUrl | None:
        if value is not None and scheme_of(value.get_secret_value()) not in REDIS_SCHEMES:
            raise ValueError(f"must be a URL with one of the schemes {', '.join(REDIS_SCHEMES)}")
        return value


class SingleFlightSettings(Section):
    """Identical concurrent misses make one upstream call."""

    shared: bool = Field(True, description="Also over all processes that share the L2 Redis; false: within each process.")
    poll_ms: float = Field(
        20, ge=5, le=1000, description="How often a process that takes part looks into Redis, in milliseconds: what a chunk may be late by."
    )


class CacheSettings(Section):
    enabled: bool = Field(True, description="Whether answers are cached at all.")
    when: Literal["always", "temperature_0", "opt_in"] = Field(
        "always", description="`temperature_0`: only requests with temperature 0; `opt_in`: only with `Cache-Control: max-age`."
    )
    l1: L1Settings = Field(L1Settings(), description="In the process.")
    l2: L2Settings = Field(L2Settings(), description="In Redis.")
    single_flight: SingleFlightSettings = Field(SingleFlightSettings(), description="Who joins whose call.")
    stale_s: NonNegative = Field(
        0,
        description="How long an answer whose lifetime is over is still served while it is made anew, in seconds; 0: not at all.",
    )
    semantic: SemanticSettings = Field(SemanticSettings(), description="Answers of questions that mean the same.")
    scope: Literal["tenant", "key", "global"] = Field("tenant", description="Who shares an answer.")
    tool_calls: bool = Field(False, description="Whether answers that call tools are stored.")
