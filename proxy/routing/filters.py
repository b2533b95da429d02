"""Which candidates may be chosen at all, before a strategy orders them. Each that goes leaves its reason.

    permission    what the key may use                    nobody left: the key's own refusal
    tags, region  all that `x-llm-edge-tags` asks for     nobody left: 400 naming the header
    capability    what the model is known not to have     nobody left: all stay, and the provider judges
    context       prompt and output cap, as estimated     nobody left: 400 with the figures, if no doubt is left either
    budget        what the caller can still afford        nobody left: what the budget says
    rest          drained, breaker, cool-down, quota      nobody left: all stay, and the attempts wait or give up

Targets that rest are not thrown out but put behind the others: when those have failed, one that merely asked for less may still be tried.
Facts of models are from a dated catalogue and sizes are estimates, so neither refuses a request that a provider might take: `DOUBT` says
how much larger than every window a prompt must look before nobody is asked.
"""

from collections.abc import Callable, Sequence

from proxy.core.context import Permit
from proxy.core.errors import BadRequest, EdgeError
from proxy.core.needs import names_of
from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.target import Rejected

TAGS_HEADER = "x-llm-edge-tags"
DOUBT = 1.5
"""The estimate of long prompts is within a fifth of the truth for most models, within a half for nearly all."""

Afford = Callable[[Candidate, RequestFacts], EdgeError | None]


class Sifted:
    """What the filters have left."""

    __slots__ = ("refusal", "rejected", "resting", "usable")

    def __init__(self, usable: Sequence[Candidate]) -> None:
        self.usable = usable
        """The very sequence that came in, where nobody went."""
        self.resting: tuple[Candidate, ...] = ()
        """To be tried after all others."""
        self.rejected: list[Rejected] = []
        """Those that rest are here, too."""
        self.refusal: EdgeError | None = None
        """Why there is nobody left."""

    def drop(self, gone: Sequence[Rejected]) -> None:
        out = {id(one.target) for one in gone}
        self.rejected += gone
        self.usable = tuple([candidate for candidate in self.usable if id(candidate) not in out])


def sift(
    candidates: Sequence[Candidate],
    facts: RequestFacts,
    now: float,
    *,
    permit: Permit | None = None,
    tags: frozenset[str] = frozenset(),
    sized: bool = True,
    to_the_end: bool = False,
    afford: Afford | None = None,
) -> Sifted:
    """`permit`, `afford` None: everybody may, and can. `tags`: those that the target must have. `sized`: whether the prompt must fit at
    all. `to_the_end`: another entry waits for prompts that are too long, so a target has to say so itself."""
    sifted = Sifted(candidates)
    if permit is not None:
        _permission(sifted, permit)
    if tags and sifted.refusal is None:
        _tags(sifted, tags)
    if facts.needs and sifted.refusal is None:
        _capability(sifted, facts.needs)
    if sized and facts.prompt_tokens and sifted.refusal is None:
        _context(sifted, facts, to_the_end)
    if afford is not None and sifted.refusal is None:
        _budget(sifted, facts, afford)
    if sifted.refusal is None:
        _rest(sifted, now)
    return sifted


def _permission(sifted: Sifted, permit: Permit) -> None:
    denied = [(c, error) for c in sifted.usable if (error := permit(c.provider, c.model).error) is not None]
    if denied:
        sifted.drop([Rejected(candidate, "the key may not use it") for candidate, _ in denied])
        if not sifted.usable:
            sifted.refusal = denied[0][1]


def _tags(sifted: Sifted, tags: frozenset[str]) -> None:
    gone = [Rejected(c, f"no tag {', '.join(sorted(tags - c.labels))}") for c in sifted.usable if not tags <= c.labels]
    if gone:
        sifted.drop(gone)
        if not sifted.usable:
            there = sorted({label for one in sifted.rejected for label in one.target.labels})
            known = f"its targets have {', '.join(there)}" if there else "its targets have none"
            text = f"{TAGS_HEADER}: no target of this model has {', '.join(sorted(tags))}; {known}"
            sifted.refusal = BadRequest(text, code="no_target_with_tags", param=TAGS_HEADER)


def _capability(sifted: Sifted, needs: int) -> None:
    gone = [Rejected(c, f"no {', '.join(names_of(needs & c.facts.cannot))}") for c in sifted.usable if needs & c.facts.cannot]
    if gone and len(gone) < len(sifted.usable):
        sifted.drop(gone)


def _context(sifted: Sifted, facts: RequestFacts, to_the_end: bool) -> None:
    tokens = facts.prompt_tokens + facts.output_cap
    gone = [
        Rejected(c, f"about {facts.prompt_tokens} + {facts.output_cap} tokens are over its context window of {window}")
        for c in sifted.usable
        if (window := c.facts.context_tokens) is not None and tokens > window
    ]
    if not gone:
        return
    if len(gone) < len(sifted.usable):
        sifted.drop(gone)
        return
    largest = max(c.facts.context_tokens or 0 for c in sifted.usable)
    if facts.prompt_tokens > largest * DOUBT and not to_the_end:
        sifted.drop(gone)
        text = (
            f"This model's maximum context length is {largest} tokens. However, the prompt has about {facts.prompt_tokens} tokens"
            f"{f' and asks for {facts.output_cap} more' if facts.output_cap else ''}: please reduce it."
        )
        sifted.refusal = BadRequest(text, code="context_length_exceeded")


def _budget(sifted: Sifted, facts: RequestFacts, afford: Afford) -> None:
    refused = [(c, error) for c in sifted.usable if (error := afford(c, facts)) is not None]
    if refused:
        sifted.drop([Rejected(candidate, error.message) for candidate, error in refused])
        if not sifted.usable:
            sifted.refusal = refused[0][1]


def _rest(sifted: Sifted, now: float) -> None:
    resting = [(c, why) for c in sifted.usable if c.stats.blocked and (why := c.stats.rest(now)) is not None]
    if not resting:
        return
    before = sifted.usable
    sifted.drop([Rejected(candidate, rest_text(candidate, why, now)) for candidate, why in resting])
    if sifted.usable:
        sifted.resting = tuple([candidate for candidate, _ in resting])
    else:
        sifted.usable = before


def rest_text(candidate: Candidate, why: str, now: float) -> str:
    """The reason, and for how long yet."""
    stats = candidate.stats
    until = stats.free_at(now) if stats.barred(now) is not None else stats.away_until
    return why if until == float("inf") else f"{why}, for {max(0.0, until - now):.1f} s yet"
