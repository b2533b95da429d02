"""What a call may cost at most."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.context import RequestContext
from proxy.core.priced import Priced
from proxy.core.pricing import Price, Tariff, When
from proxy.core.route import RouteInfo
from proxy.governance.budgets.quote import UNKNOWN_OUTPUT, Quote, answers_of, thinking_of
from tests.unit.governance.budgets.made import priced

DEAR = Tariff(
    (
        Price(meter="input", pico_usd=10),
        Price(meter="input", pico_usd=20, when=When(context_over=1000)),
        Price(meter="input", pico_usd=40, when=When(service_tier="priority")),
        Price(meter="cache_write", pico_usd=12),
        Price(meter="input_audio", pico_usd=100),
        Price(meter="output", pico_usd=50),
        Price(meter="output", pico_usd=90, when=When(service_tier="priority")),
    )
)


def quote(body: dict[str, Any], dialect: str = "openai_chat", path: str = "/x", headers: dict[bytes, bytes] | None = None) -> Quote:
    ctx = RequestContext(RouteInfo(name="/x", family="openai", dialect=dialect), "0" * 32, 0.0)
    ctx.json, ctx.body, ctx.raw_path, ctx.headers = body, orjson.dumps(body), path, headers or {}
    return Quote(ctx)


def user(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize(
    ("body", "rates"),
    [
        (user(), (10, 50)),
        (user("x" * 2000), (20, 50)),
        (user(service_tier="auto"), (10, 50)),
        (user(service_tier="priority"), (40, 90)),
        (user(speed="fast"), (40, 90)),
        (user(serviceTier={"type": "priority"}), (40, 90)),
        (user(cache_control={"type": "ephemeral"}), (12, 50)),
        (user(modalities=["text", "audio"]), (100, 50)),
    ],
)
def test_the_dearest_that_a_token_may_cost(body: dict[str, Any], rates: tuple[int, int]) -> None:
    """By size, tier, writing to the provider's cache, and sound."""
    assert quote(body).rates(Priced(tariff=DEAR, written_unasked=False), 0.0) == rates


def test_the_tier_of_a_header() -> None:
    """InvokeModel's."""
    target = Priced(tariff=DEAR, written_unasked=False)
    asked = quote({"max_tokens": 1}, "bedrock_invoke", headers={b"x-amzn-bedrock-service-tier": b"priority"})
    assert asked.rates(target, 0.0) == (40, 90)


def test_where_something_has_no_price() -> None:
    """None; or the stated one; or nothing, where it is free. Embeddings need no price of an answer."""
    half = Tariff((Price(meter="input", pico_usd=10),))
    stated = Tariff((Price(meter="input", pico_usd=7), Price(meter="output", pico_usd=8)))
    assert quote(user()).rates(Priced(tariff=None), 0.0) is None
    assert quote(user()).rates(Priced(tariff=half), 0.0) is None
    assert quote(user()).rates(Priced(tariff=half, instead=stated), 0.0) == (7, 8)
    assert quote(user()).rates(Priced(tariff=None, free=True), 0.0) == (0, 0)
    embedding = quote({"input": "hi"}, "openai_embeddings")
    assert embedding.rates(Priced(tariff=half), 0.0) == (10, 0)
    assert embedding.output_tokens(Priced(tariff=half), None) == 0
    assert not quote({"inputText": "hi"}, "bedrock_invoke", "/model/amazon.titan-embed-text-v2:0/invoke").output


def test_how_long_the_answer_may_be() -> None:
    """The client's word, else the model's, else what is assumed; and never more than is sent."""
    assert quote(user(max_tokens=10)).output_tokens(priced(max_output_tokens=99), None) == 10
    assert quote(user()).output_tokens(priced(max_output_tokens=99), None) == 99
    assert quote(user()).output_tokens(priced(), None) == UNKNOWN_OUTPUT
    assert quote(user()).output_tokens(priced(context_tokens=8192), None) == 8192
    assert quote(user(max_tokens=1000)).output_tokens(priced(), 300) == 300


def test_what_fits_costs_no_more_than_there_is() -> None:
    """And a token more would."""
    target, asked = priced(), quote(user(n=3))
    rates = asked.rates(target, 0.0)
    assert rates is not None
    for nanos in (50_000_000, 100_000_001, 123_456_789):
        cap = asked.fitting(target, rates, nanos)
        assert asked.nanos(target, rates, cap) <= nanos < asked.nanos(target, rates, cap + 1)
    assert asked.fitting(target, rates, 10) == 0


@pytest.mark.parametrize(
    ("body", "n"),
    [
        ({}, 1),
        ({"n": 4}, 4),
        ({"n": 2, "best_of": 5}, 5),
        ({"prompt": ["a", "b"], "n": 2}, 4),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1], [2], [3]]}, 3),
        ({"generationConfig": {"candidateCount": 3}}, 3),
        ({"generation_config": {"candidate_count": 3}}, 3),
        ({"n": "x"}, 1),
        ({"n": -1}, 1),
    ],
)
def test_how_many_answers(body: dict[str, Any], n: int) -> None:
    """In every dialect's words."""
    assert answers_of(body) == n


@pytest.mark.parametrize(
    "body",
    [
        {"thinking": {"budget_tokens": 1024}},
        {"additionalModelRequestFields": {"thinking": {"budget_tokens": 1024}}},
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 1024}}},
        {"generation_config": {"thinking_config": {"thinking_budget": 1024}}},
    ],
)
def test_thinking(body: dict[str, Any]) -> None:
    """A cap has to leave room for it."""
    assert thinking_of(body) == 1024
    assert quote(user() | body).least == 1280
    assert thinking_of({"thinking": {"type": "adaptive"}}) == 0


FLAT = Tariff(
    (
        Price(meter="input", pico_usd=1000),
        Price(meter="cache_write", pico_usd=1200),
        Price(meter="output", pico_usd=5000),
        Price(meter="output_audio", pico_usd=90_000),
        Price(meter="input", pico_usd=3000, when=When(service_tier="priority")),
    )
)
wishes = st.fixed_dictionaries(
    {},
    optional={
        "n": st.sampled_from([1, 3]),
        "max_tokens": st.sampled_from([0, 50]),
        "service_tier": st.sampled_from(["auto", "priority"]),
        "modalities": st.just(["text", "audio"]),
        "cache_control": st.just({"type": "ephemeral"}),
        "tools": st.just([{"type": "function"}]),
        "temperature": st.just(1),
    },
)


@pytest.mark.parametrize("tariff", [FLAT, DEAR, Tariff((Price(meter="input", pico_usd=10),))])
@pytest.mark.parametrize("unasked", [True, False])
@given(wishes, st.sampled_from([None, 20]))
def test_the_usual_price_is_what_the_tariff_says(unasked: bool, tariff: Tariff, wishes: dict[str, Any], cap: int | None) -> None:
    """Whatever a request asks for: what a target says once of ordinary calls is taken for these alone."""
    asked = quote(user(**wishes))
    plain = Priced(tariff=tariff, written_unasked=unasked, max_output_tokens=100)
    ready = Priced(tariff=tariff, written_unasked=unasked, max_output_tokens=100, usual=tariff.always(written=unasked))
    rates = asked.rates(plain, 0.0)
    assert asked.most(ready, 0.0, cap) == asked.most(plain, 0.0, cap) == (None if rates is None else asked.nanos(plain, rates, cap))


@given(wishes)
def test_a_body_that_says_nothing_of_its_answer_is_not_looked_through(wishes: dict[str, Any]) -> None:
    """With one choice asked for it is; and it says the same."""
    found, looked = quote(user(**wishes)), quote(user(**{"n": 1, **wishes}))
    assert (found.cap, found.answers, found.tier, found.plain) == (looked.cap, looked.answers, looked.tier, looked.plain)
