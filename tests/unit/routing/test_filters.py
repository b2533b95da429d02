"""Who may be chosen at all."""

from typing import Any

import pytest

from proxy.core.context import ALLOWED, Verdict
from proxy.core.errors import BadRequest, EdgeError, Forbidden
from proxy.core.needs import PDF, TOOLS, VISION
from proxy.routing.candidate import Candidate, ModelFacts, RequestFacts
from proxy.routing.filters import Sifted, sift
from proxy.routing.stats import TargetStats
from tests.support.routing import candidate

NOW = 100.0


def sifted(*given: Candidate, facts: RequestFacts | None = None, **how: Any) -> Sifted:
    return sift(given, facts or RequestFacts(), NOW, **how)


def reasons(found: Sifted) -> dict[str, str]:
    return {one.target.provider: one.reason for one in found.rejected}


def sized(name: str, window: int | None) -> Candidate:
    return candidate(name, facts=ModelFacts(context_tokens=window))


def test_where_nobody_goes_nothing_is_made_anew() -> None:
    """The very sequence comes back, which strategies remember."""
    given = (candidate("a"), candidate("b"))
    found = sift(given, RequestFacts(prompt_tokens=5, needs=VISION), NOW)
    assert found.usable is given
    assert (found.rejected, found.resting, found.refusal) == ([], (), None)


def test_what_the_key_may_not_use_goes() -> None:
    """With nobody left it is the key's own refusal."""

    def permit(provider: str, model: str) -> Verdict:
        return ALLOWED if provider == "b" else Verdict(Forbidden(f"not {provider}"))

    a, b, c = candidate("a"), candidate("b"), candidate("c")
    found = sifted(a, b, c, permit=permit)
    assert found.usable == (b,)
    assert reasons(found) == {"a": "the key may not use it", "c": "the key may not use it"}
    refusal = sifted(c, a, permit=permit).refusal
    assert (refusal.message, refusal.status) == ("not c", 403) if refusal else False


def test_tags_and_region_must_all_be_there() -> None:
    """In any case; with nobody left the header is named, and what there is."""
    eu, us = candidate("eu", region="EU-West", tags=("Fast", "gdpr")), candidate("us", region="us")
    found = sifted(eu, us, tags=frozenset({"region=eu-west", "fast"}))
    assert found.usable == (eu,)
    assert reasons(found) == {"us": "no tag fast, region=eu-west"}
    refusal = sifted(eu, us, tags=frozenset({"region=ap"})).refusal
    assert isinstance(refusal, BadRequest)
    assert (refusal.code, refusal.param) == ("no_target_with_tags", "x-llm-edge-tags")
    assert refusal.message == (
        "x-llm-edge-tags: no target of this model has region=ap; its targets have fast, gdpr, region=eu-west, region=us"
    )
    bare = sifted(candidate("a"), tags=frozenset({"x"})).refusal
    assert bare is not None
    assert bare.message.endswith("its targets have none")


def test_what_is_known_not_to_be_able_goes() -> None:
    """What is not known stays; where all would go all stay, and the provider judges."""
    blind, unknown = candidate("blind", facts=ModelFacts(cannot=VISION | PDF)), candidate("unknown")
    found = sifted(blind, unknown, facts=RequestFacts(needs=VISION | TOOLS))
    assert found.usable == (unknown,)
    assert reasons(found) == {"blind": "no vision"}
    assert sifted(blind, facts=RequestFacts(needs=VISION)).usable == (blind,)
    assert sifted(blind, unknown, facts=RequestFacts(needs=TOOLS)).usable == (blind, unknown)


def test_what_is_too_small_goes() -> None:
    """Prompt and cap must fit; a window that is not known is none."""
    small, large, unknown = sized("small", 1000), sized("large", 2000), sized("unknown", None)
    facts = RequestFacts(prompt_tokens=900, output_cap=200, output_tokens=200)
    found = sifted(small, large, unknown, facts=facts)
    assert found.usable == (large, unknown)
    assert reasons(found) == {"small": "about 900 + 200 tokens are over its context window of 1000"}
    assert sifted(small, large, facts=facts, sized=False).usable == (small, large)
    assert sifted(small, large, facts=RequestFacts(prompt_tokens=900, output_tokens=256)).usable == (small, large)


def test_only_what_is_far_too_large_is_refused() -> None:
    """An estimate may be wrong by half; with the figures, in OpenAI's words."""
    small, large = sized("small", 1000), sized("large", 2000)
    assert sifted(small, large, facts=RequestFacts(prompt_tokens=2900)).usable == (small, large)
    found = sifted(small, large, facts=RequestFacts(prompt_tokens=3001, output_cap=50))
    assert found.refusal is not None
    assert (found.refusal.status, found.refusal.code) == (400, "context_length_exceeded")
    assert found.refusal.message == (
        "This model's maximum context length is 2000 tokens. However, the prompt has about 3001 tokens and asks for 50 more: please reduce "
        "it."
    )
    assert len(found.rejected) == 2


def test_with_an_entry_for_long_prompts_the_provider_says_it() -> None:
    """Its refusal is what leads there."""
    small = sized("small", 1000)
    assert sifted(small, facts=RequestFacts(prompt_tokens=9000), to_the_end=True).usable == (small,)


def test_what_cannot_be_paid_goes() -> None:
    """With nobody left it is the budget's own refusal."""

    def afford(target: Candidate, facts: RequestFacts) -> EdgeError | None:
        return BadRequest(f"{target.provider} costs too much", code="over") if target.target.weight > 1 else None

    dear, cheap = candidate("dear", weight=2), candidate("cheap")
    found = sifted(dear, cheap, afford=afford)
    assert found.usable == (cheap,)
    assert reasons(found) == {"dear": "dear costs too much"}
    refusal = sifted(dear, afford=afford).refusal
    assert refusal is not None
    assert refusal.code == "over"


def resting(name: str, *, cool: float = 0.0, away: float = 0.0, drained: bool = False) -> Candidate:
    stats = TargetStats(name)
    stats.blocked = True
    stats.cool_until, stats.away_until, stats.away_why, stats.drained = cool, away, "throttled", drained
    return candidate(name, stats=stats)


def test_who_rests_comes_behind_the_others() -> None:
    """With the reason and the time that is left, as far as it is known."""
    cool, away, drained, well = (
        resting("cool", cool=NOW + 5),
        resting("away", away=NOW + 2.5),
        resting("drained", drained=True),
        candidate("w"),
    )
    found = sifted(cool, well, away, drained)
    assert found.usable == (well,)
    assert found.resting == (cool, away, drained)
    assert reasons(found) == {"cool": "cooling down, for 5.0 s yet", "away": "throttled, for 2.5 s yet", "drained": "drained"}


def test_where_all_rest_all_stay() -> None:
    """The attempts know how long to wait, and what to say."""
    given = (resting("a", cool=NOW + 5), resting("b", away=NOW + 2))
    found = sift(given, RequestFacts(), NOW)
    assert found.usable is given
    assert found.resting == ()
    assert len(found.rejected) == 2


def test_a_rest_that_is_over_is_none() -> None:
    """Though nobody has looked since."""
    late = resting("a", cool=NOW - 1)
    assert sifted(late).rejected == []


@pytest.mark.parametrize("how", [{"tags": frozenset({"x"})}, {"permit": lambda _p, _m: Verdict(Forbidden("no"))}])
def test_the_first_filter_that_leaves_nobody_is_the_last(how: dict[str, Any]) -> None:
    """What comes behind it would find nothing to say."""
    found = sifted(
        resting("a", cool=NOW + 5), facts=RequestFacts(prompt_tokens=9, needs=VISION), afford=lambda _c, _f: BadRequest("b"), **how
    )
    assert found.refusal is not None
    assert len(found.rejected) == 1
