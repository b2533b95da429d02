"""What is left of a provider's rate limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.routing.quota import UNTOLD_S, Headroom, headroom

DATE = {b"date": b"Wed, 25 Nov 2026 12:00:00 GMT"}


def openai(**limits: tuple[str, str, str]) -> dict[bytes, bytes]:
    """Kind → (limit, remaining, reset)."""
    head: dict[bytes, bytes] = {}
    for kind, (limit, remaining, reset) in limits.items():
        for word, value in (("limit", limit), ("remaining", remaining), ("reset", reset)):
            head[f"x-ratelimit-{word}-{kind}".encode()] = value.encode()
    return head


def anthropic(kind: str, limit: str, remaining: str, reset: str) -> dict[bytes, bytes]:
    prefix = f"anthropic-ratelimit-{kind}-"
    return {f"{prefix}{word}".encode(): value.encode() for word, value in (("limit", limit), ("remaining", remaining), ("reset", reset))}


@pytest.mark.parametrize("head", [{}, {b"content-type": b"application/json"}, {b"x-ratelimit-limit-requests": b"5"}])
def test_nothing_told_is_nothing_known(head: dict[bytes, bytes]) -> None:
    """Bedrock and Gemini tell nothing."""
    assert headroom(head, 0.02) is None


def test_the_scarcest_limit_counts() -> None:
    """And nothing rests while there is enough of all."""
    head = openai(requests=("5000", "4999", "12ms"), tokens=("1000", "250", "6s"))
    assert headroom(head, 0.02) == Headroom(0.25, 0.0)


@pytest.mark.parametrize(("reset", "seconds"), [("1s", 1.0), ("6m0s", 360.0), ("120ms", 0.12), ("1h2m3s", 3723.0), ("59.7", 59.7)])
def test_openais_resets(reset: str, seconds: float) -> None:
    """Below the reserve it rests until the reset."""
    found = headroom(openai(requests=("1000", "19", reset)), 0.02)
    assert found is not None
    assert found.rest_s == pytest.approx(seconds)


def test_of_several_that_are_short_the_longest_reset_counts() -> None:
    """One that has enough left does not."""
    head = openai(requests=("100", "1", "2s"), tokens=("100", "0", "9s")) | openai(**{"project-tokens": ("100", "90", "60s")})
    assert headroom(head, 0.02) == Headroom(0.0, 9.0)


def test_nothing_left_is_short_whatever_the_reserve() -> None:
    """Also without one."""
    assert headroom(openai(requests=("100", "1", "2s")), 0.0) == Headroom(0.01, 0.0)
    assert headroom(openai(requests=("100", "0", "2s")), 0.0) == Headroom(0.0, 2.0)


def test_anthropics_resets_are_times() -> None:
    """By the answer's own clock; each of its four limits counts."""
    enough = anthropic("requests", "50", "49", "2026-11-25T12:00:01Z")
    head = enough | anthropic("output-tokens", "8000", "0", "2026-11-25T12:00:40Z") | DATE
    assert headroom(head, 0.02) == Headroom(0.0, 40.0)


@pytest.mark.parametrize("reset", [None, b"", b"soon"])
def test_a_reset_that_is_not_told(reset: bytes | None) -> None:
    """Azure leaves it out."""
    head = {b"x-ratelimit-remaining-tokens": b"0", b"x-ratelimit-limit-tokens": b"100"}
    if reset is not None:
        head[b"x-ratelimit-reset-tokens"] = reset
    assert headroom(head, 0.02) == Headroom(0.0, UNTOLD_S)


def test_a_limit_that_is_not_told() -> None:
    """Then only nothing is too little."""
    assert headroom({b"x-ratelimit-remaining-requests": b"1"}, 0.02) == Headroom(1.0, 0.0)
    assert headroom({b"x-ratelimit-remaining-requests": b"0"}, 0.02) == Headroom(0.0, UNTOLD_S)


@pytest.mark.parametrize("remaining", [b"many", b"", b"nan"])
def test_nonsense_is_nothing(remaining: bytes) -> None:
    """No provider's header stops an answer."""
    assert headroom({b"x-ratelimit-remaining-requests": remaining, b"x-ratelimit-limit-requests": b"10"}, 0.02) is None


@given(st.dictionaries(st.sampled_from(list(openai(requests=("", "", ""), tokens=("", "", "")))), st.binary(max_size=12)), st.floats(0, 1))
@settings(derandomize=True, deadline=None)
def test_whatever_comes_is_a_share_and_a_time(head: dict[bytes, bytes], reserve: float) -> None:
    """Or nothing at all."""
    found = headroom(head, reserve)
    assert found is None or (0.0 <= found.left <= 1.0 and found.rest_s >= 0.0)
