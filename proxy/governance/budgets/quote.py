"""What a call may cost at most: the bound of its prompt and its output cap, at the target's dearest price.

Read once a request from its body; priced for each target that is tried.
"""

from typing import Any

from proxy.codecs.needs import CAP_FIELDS, output_cap
from proxy.codecs.prompt_bound import prompt_bound
from proxy.core.context import RequestContext
from proxy.core.needs import AUDIO
from proxy.core.priced import Priced
from proxy.core.pricing import Tariff, billed_tier

PICOS_PER_NANO = 1000
ROUNDED = 2
"""Nano-USD: each of the four kinds of a cost is rounded up by half of one at most."""
MIN_OUTPUT = 256
"""Output tokens that the rest of a budget must pay for, for a call to be made with less than it asked for."""
UNKNOWN_OUTPUT = 32_768
"""Of a model whose longest answer is not in the catalogue, where its context window is not shorter."""
_MANY = frozenset({"n", "best_of", "prompt", "generationConfig", "generation_config"})
_TIERS = frozenset({"service_tier", "serviceTier", "speed"})
_SAYING = CAP_FIELDS | _MANY | _TIERS
"""Fields that say anything of an answer's size or price."""
_TIER_HEADER = b"x-amzn-bedrock-service-tier"
_EMBEDDINGS = frozenset({"openai_embeddings", "gemini_embed"})


class Quote:
    """The size of a request."""

    __slots__ = ("_body", "_raw", "answers", "bound", "cap", "output", "plain", "tier", "wanted")

    def __init__(self, ctx: RequestContext) -> None:
        self._body = body = ctx.json
        self._raw = raw = ctx.body
        dialect = ctx.route.dialect or ""
        self.bound = bound = prompt_bound(body, raw, dialect)
        self.output = dialect not in _EMBEDDINGS and not (dialect == "bedrock_invoke" and "embed" in ctx.raw_path)
        says = not _SAYING.isdisjoint(body)
        self.cap = output_cap(body) if says else 0
        """The client's, a choice; 0: it set none."""
        self.answers = answers_of(body) if says else 1
        self.tier = tier = _tier(ctx, body) if says or _TIER_HEADER in ctx.headers else None
        self.plain = self.output and tier is None and not bound.needs & AUDIO
        """Priced as most calls are (`Priced.usual`), if it is not the client's wish that it is written to a cache."""
        self.wanted = 0
        """Nano-USD that were asked for last."""

    @property
    def written(self) -> bool:
        """Whether the client wants something of it in the provider's cache."""
        return b"cache_control" in self._raw or b"cachePoint" in self._raw

    @property
    def least(self) -> int:
        """Output tokens without which the call is not worth making."""
        return MIN_OUTPUT + thinking_of(self._body)

    def prompt_tokens(self, target: Priced) -> int:
        """Of one call: for several choices there may be one for each."""
        return self.bound.of(target.image_tokens, target.context_tokens)

    def output_tokens(self, target: Priced, cap: int | None) -> int:
        """Of one choice. `cap`: what is sent in place of the client's, where that is more."""
        if not self.output:
            return 0
        tokens = self.cap or target.max_output_tokens or min(target.context_tokens or UNKNOWN_OUTPUT, UNKNOWN_OUTPUT)
        return tokens if cap is None else min(tokens, cap)

    def most(self, target: Priced, at: float, cap: int | None) -> int | None:
        """Nano-USD that a call costs at most; None: there is no price."""
        rates = target.usual
        if rates is None or not self.plain or not (target.written_unasked or not self.written):
            rates = self.rates(target, at)
        return None if rates is None else self.nanos(target, rates, cap)

    def rates(self, target: Priced, at: float) -> tuple[int, int] | None:
        """Pico-USD of an input and of an output token; None: there is no price."""
        if target.free:
            return 0, 0
        if target.tariff is None:
            return None
        rates = self._ceiling(target, target.tariff, at)
        return rates if rates is not None or target.instead is None else self._ceiling(target, target.instead, at)

    def _ceiling(self, target: Priced, tariff: Tariff, at: float) -> tuple[int, int] | None:
        tokens = self.prompt_tokens(target) if tariff.by_size else 0
        audio = bool(self.bound.needs & AUDIO)
        return tariff.ceiling(tokens, at, self.tier, target.written_unasked or self.written, audio, self.output)

    def nanos(self, target: Priced, rates: tuple[int, int], cap: int | None) -> int:
        """What a call costs at most, at these rates."""
        dear_in, dear_out = rates
        if not dear_in and not dear_out:
            return 0
        picos = self.bound.of(target.image_tokens, target.context_tokens) * dear_in + self.output_tokens(target, cap) * dear_out
        return -(-picos * self.answers // PICOS_PER_NANO) + ROUNDED

    def fitting(self, target: Priced, rates: tuple[int, int], nanos: int) -> int:
        """Output tokens a choice that `nanos` pay for."""
        left = (nanos - ROUNDED) * PICOS_PER_NANO - self.prompt_tokens(target) * self.answers * rates[0]
        return left // (rates[1] * self.answers) if left > 0 and rates[1] else 0


def answers_of(body: dict[str, Any]) -> int:
    """How many are made, wherever a dialect says it."""
    n = max(_count(body.get("n")), _count(body.get("best_of")))
    config = body.get("generationConfig") or body.get("generation_config")
    if type(config) is dict:
        n = max(n, _count(config.get("candidateCount")), _count(config.get("candidate_count")))
    prompts = body.get("prompt")
    if type(prompts) is list and prompts and type(prompts[0]) in (str, list):
        n *= len(prompts)
    return n


def thinking_of(body: dict[str, Any]) -> int:
    """Tokens of the answer that are set aside for thinking: a cap has to be above them."""
    for holder in (body, body.get("additionalModelRequestFields")):
        if type(holder) is dict and type(thinking := holder.get("thinking")) is dict:
            return _tokens(thinking.get("budget_tokens"))
    config = body.get("generationConfig") or body.get("generation_config")
    if type(config) is dict:
        thinking = config.get("thinkingConfig") or config.get("thinking_config")
        if type(thinking) is dict:
            return _tokens(thinking.get("thinkingBudget") or thinking.get("thinking_budget"))
    return 0


def _tier(ctx: RequestContext, body: dict[str, Any]) -> str | None:
    if body.get("speed") == "fast":
        return billed_tier("fast")
    asked = body.get("service_tier") or body.get("serviceTier")
    if type(asked) is dict:
        asked = asked.get("type")
    if asked is None and (header := ctx.headers.get(_TIER_HEADER)) is not None:
        asked = header.decode("latin-1")
    return billed_tier(asked)


def _count(value: Any) -> int:
    return value if type(value) is int and value > 1 else 1


def _tokens(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
