"""`cost`: what the request will cost decides."""

from random import Random

from proxy.routing.candidate import Candidate, ModelFacts, RequestFacts
from proxy.routing.cost import LowestCost
from proxy.routing.target import Decision
from tests.support.routing import candidate


def priced(name: str, inputs: int | None, outputs: int | None, quality: float | None = None) -> Candidate:
    """In micro-USD a million tokens, which is pico-USD a token."""
    return candidate(name, facts=ModelFacts(input_pico_usd=inputs, output_pico_usd=outputs), quality=quality)


def choose(*given: Candidate, prompt: int = 1000, output: int = 100, floor: float | None = None) -> Decision:
    facts = RequestFacts(prompt_tokens=prompt, output_tokens=output)
    return LowestCost(floor).choose(given, facts, 0.0, Random(1))


READER, WRITER = priced("reader", 1_000_000, 30_000_000), priced("writer", 3_000_000, 3_000_000)


def test_the_size_of_the_request_decides() -> None:
    """Cheap input for a long prompt, cheap output for a long answer."""
    assert choose(READER, WRITER, prompt=100_000, output=10).order == (READER, WRITER)
    assert choose(READER, WRITER, prompt=10, output=100_000).order == (WRITER, READER)
    assert choose(READER, WRITER).reason == "0.003300 < 0.004000 USD for about 1000 + 100 tokens"


def test_free_first_and_unknown_last() -> None:
    """Half a price is none."""
    free, unknown, half = priced("free", 0, 0), priced("unknown", None, None), priced("half", 1, None)
    decision = choose(unknown, READER, half, free)
    assert decision.order == (free, READER, unknown, half)
    assert choose(unknown, READER).reason == "0.004000 USD for about 1000 + 100 tokens, the only known price"
    assert choose(unknown, half).reason == "no price is known"
    assert choose(READER).reason == "0.004000 USD for about 1000 + 100 tokens, the only one"


def test_equal_ones_keep_their_order() -> None:
    """And the reason says that they are."""
    one, two = priced("one", 5, 5), priced("two", 5, 5)
    assert choose(two, one).order == (two, one)
    assert " = " in choose(two, one).reason


def test_what_is_below_the_floor_is_left_out() -> None:
    """With the reason, also where nobody has judged it."""
    good, bad, unjudged = priced("good", 9, 9, 0.7), priced("bad", 1, 1, 0.6), priced("unjudged", 1, 1)
    decision = choose(bad, unjudged, good, floor=0.7)
    assert decision.order == (good,)
    assert [(one.target, one.reason) for one in decision.rejected] == [
        (bad, "quality 0.6 is below the floor 0.7"),
        (unjudged, "its quality is not judged, the floor is 0.7"),
    ]


def test_the_floor_never_leaves_nobody() -> None:
    """Better a lesser answer than none."""
    bad, unjudged = priced("bad", 1, 1, 0.6), priced("unjudged", 2, 2)
    assert choose(unjudged, bad, floor=0.7).order == (bad, unjudged)
    assert choose(bad, floor=0.5).rejected == ()
