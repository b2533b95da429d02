"""Refusals in words."""

from random import Random

import pytest

from proxy.core.claims import Outcome, Reading, Slots, Window
from proxy.core.route import Family, RouteInfo
from proxy.governance.bodies import ErrorBodies
from proxy.governance.limits.refusals import refused, too_much, whose


def outcome(claim: Window | Slots, used: int = 60, retry_s: float = 1.17) -> Outcome:
    return Outcome(Reading(claim, used), retry_s)


def route(family: Family) -> RouteInfo:
    return RouteInfo(name="/r", family=family)


@pytest.mark.parametrize(
    ("dimension", "text"),
    [("requests", "Request rate limit exceeded. Retry in 1.2s"), ("input", "Token rate limit exceeded. Retry in 1.2s")],
)
def test_the_agent_gateways_words(dimension: str, text: str) -> None:
    """Its clients parse them."""
    error = refused(outcome(Window("API_KEY:k:*", dimension, 60)), route("invoke"), Random(1))  # type: ignore[arg-type]
    assert (error.status, error.message) == (429, text)
    assert ErrorBodies({}).render(route("invoke"), error.info(), "t") == b'{"detail":"%b"}' % text.encode()


def test_agenthubs_body() -> None:
    """With the limit, and whole seconds to wait."""
    error = refused(outcome(Window("API_KEY:k:*", "requests", 10, 1), 10, 0.4), route("agents"), Random(1))
    body = ErrorBodies({}).render(route("agents"), error.info(), "abc")
    assert body.startswith(b'{"code":"RATE_LIMIT_EXCEEDED","message":"Rate limit exceeded: this API key may use 10 requests a second')
    assert body.endswith(b'"trace_id":"abc","details":{"limit":10,"retry_after":1}}')


def test_nobody_knows_when_a_slot_comes_back() -> None:
    """A second, and jitter."""
    error = refused(outcome(Slots("TENANT:t:*", 3), 3, 1.0), route("openai"), Random(1))
    assert error.retry_after_s is not None
    assert 1 <= error.retry_after_s <= 2
    assert "the tenant may have 3 requests at the same time" in error.message


def test_what_never_fits_says_so() -> None:
    """With the figures."""
    error = too_much(50_000, 40_000)
    assert (error.status, error.code, error.retryable) == (400, "request_exceeds_limit", False)
    assert "about 50000 input tokens, and the limit is 40000" in error.message


@pytest.mark.parametrize(("key", "name"), [("DEPARTMENT:x:*", "the team"), ("GATEWAY:*", "the gateway"), ("?", "the caller")])
def test_entities_have_names_for_people(key: str, name: str) -> None:
    """And nobody's id is told."""
    assert whose(key) == name
