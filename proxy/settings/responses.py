"""`responses`: answers of the Responses API, which clients come back to."""

from pydantic import Field

from proxy.settings.base import Count, Section

TEN_YEARS_S = 315_360_000.0


class ResponsesSettings(Section):
    keep: bool = Field(
        True,
        description="Whether the gateway keeps input and output of answers whose upstream keeps none, in `stores.records`; "
        "clients say `store: false` for one request.",
    )
    ttl_s: float = Field(
        2_592_000,
        gt=0,
        le=TEN_YEARS_S,
        description="How long an answer can be followed up and fetched, in seconds; the default is 30 days.",
    )
    max_kb: Count = Field(1024, description="Cap of input and output of one answer together, in KiB; a larger one is not kept.")
