"""`idempotency`: requests with an `Idempotency-Key`."""

from typing import Annotated

from pydantic import Field

from proxy.settings.base import Count, NonNegative, Positive, Section


class IdempotencySettings(Section):
    enabled: bool = Field(True, description="Whether `Idempotency-Key` is honoured on model routes; off: it is ignored.")
    wait_s: Annotated[NonNegative, Field(le=600)] = Field(
        60, description="How long a duplicate waits for the first one's answer to begin, in seconds; then 409."
    )
    ttl_s: Positive = Field(86_400, description="How long answers are kept, in seconds.")
    lease_s: Annotated[Positive, Field(ge=1, le=600)] = Field(
        30, description="How long after the death of a gateway another may take its request over, in seconds; renewed while it lives."
    )
    max_kb: Count = Field(1024, description="Answers over this are not kept.")
