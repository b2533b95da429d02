"""`cache.semantic`: answers of questions that mean the same."""

from importlib.util import find_spec
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from proxy.settings.base import Count, Positive, Section
from proxy.settings.routing import Share

LOCAL = "local"
_HINT = "needs packages that are not installed: pip install 'llm-edge[semantic]'"


class SemanticSettings(Section):
    """The same tenant, model, system prompt, tools, parameters and earlier turns; the last question may be put otherwise. English only."""

    enabled: bool = Field(False, description="Whether there is a semantic tier; needs the extra llm-edge[semantic].")
    embedder: str = Field(
        LOCAL,
        description="`local`: a small model in the process; `provider/model`: an embeddings deployment, at the gateway's cost.",
    )
    threshold: Share = Field(
        0.8, description="Cosine from which questions may share an answer; `llm-edge cache calibrate` finds one for your own questions."
    )
    index: Literal["memory", "redis"] = Field("memory", description="`redis`: shared, in the L2 cache's Redis; it needs vector search.")
    max_entries: Count = Field(10_000, description="Questions kept by a process (`index: memory`).")
    timeout_s: Positive = Field(1, description="An embeddings deployment that takes longer counts as a miss, in seconds.")

    @field_validator("embedder")
    @classmethod
    def _named(cls, value: str) -> str:
        provider, slash, model = value.partition("/")
        if value != LOCAL and not (provider and slash and model):
            raise ValueError("must be `local` or `provider/model`")
        return value

    @model_validator(mode="after")
    def _installed(self) -> Self:
        needed = ("numpy", "wordllama") if self.embedder == LOCAL else ("numpy",)
        if self.enabled and any(find_spec(name) is None for name in needed):
            raise ValueError(_HINT)
        return self
