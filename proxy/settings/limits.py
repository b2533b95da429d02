"""`limits`: how much anybody may ask for in a time."""

from typing import Annotated, Literal

from pydantic import Field

from proxy.core.entities import AGENT_GATEWAY, BUCKET, Limits
from proxy.settings.base import Count, NonNegative, Positive, Section


class LimitSet(Section):
    rpm: Count | None = Field(None, description="Requests a minute.")
    input_tpm: Count | None = Field(None, description="Input tokens a minute.")
    output_tpm: Count | None = Field(None, description="Output tokens a minute.")
    tpm: Count | None = Field(None, description="Input and output tokens a minute, together.")
    concurrency: Count | None = Field(None, description="Requests at the same time.")
    qps: Positive | None = Field(None, description="Requests a second, sustained: over 10 s where there is a `burst`, else over 1 s.")
    burst: Count | None = Field(None, description="Requests in any one second.")
    algorithm: Literal["window", "bucket"] | None = Field(
        None,
        description="`window` (default): never more than the limit in any window; `bucket`: a token bucket that holds a minute's limit and "
        "refills evenly; with nothing else said 60 rpm and 500 000 tpm.",
    )

    def limits(self) -> Limits | None:
        """None: it has none."""
        values = self.model_dump(exclude_none=True)
        limits = Limits(**values)
        return None if limits.empty else AGENT_GATEWAY if limits == BUCKET else limits


class LimitsSettings(Section):
    enabled: bool = Field(True, description="Off: nothing is limited, whatever keys, plans and this section say.")
    default: LimitSet = Field(LimitSet(), description="Limits of keys without their own.")
    gateway: LimitSet = Field(LimitSet(), description="Limits of all requests together.")
    models: dict[str, LimitSet] = Field({}, description="Limits of a model, by its name as asked for, over all callers.")
    agents: dict[str, LimitSet] = Field({}, description="Limits of an agent, by its id, over all callers.")
    wait_s: Annotated[NonNegative, Field(le=600)] = Field(
        0, description="How long a request may wait for its turn instead of being refused, in seconds; first come, first served."
    )
    on_redis_loss: Literal["local", "deny", "allow"] = Field(
        "local", description="While Redis is gone: each process counts its share of the limits, or refuses with 503, or limits nothing."
    )
