"""What InvokeModel has in headers."""

import pytest

from proxy.codecs.bedrock_invoke.headers import PASSED, lost_of, shaping_of, tier_in, usage_headers, usage_of
from proxy.core.response import Usage

GUARD = {b"x-amzn-bedrock-guardrailidentifier": b"g1", b"x-amzn-bedrock-guardrailversion": b"2"}


def test_what_changes_an_answer() -> None:
    """Each of them tells two requests apart; the others do not."""
    keys = {shaping_of(headers) for headers in ({}, GUARD, GUARD | {b"x-amzn-bedrock-trace": b"ENABLED"}, {b"x-amzn-bedrock-trace": b"g1"})}
    assert len(keys) == 4
    assert shaping_of({b"x-amzn-bedrock-service-tier": b"priority", b"accept": b"*/*"}) == ""


@pytest.mark.parametrize("default", [b"", b"DISABLED", b"standard", b"default"])
def test_a_wish_for_what_happens_anyway_is_not_lost(default: bytes) -> None:
    """Only what somebody misses is reported."""
    assert lost_of(GUARD) == ["x-amzn-bedrock-guardrailidentifier", "x-amzn-bedrock-guardrailversion"]
    assert lost_of(dict.fromkeys(PASSED, default)) == []


def test_counts_come_back() -> None:
    """Cached parts apart, and only where there are any."""
    usage = Usage(input_tokens=7, output_tokens=5, cache_read_tokens=3)
    headers = usage_headers(usage)
    assert dict(headers) == {
        b"x-amzn-bedrock-input-token-count": b"7",
        b"x-amzn-bedrock-output-token-count": b"5",
        b"x-amzn-bedrock-cache-read-input-token-count": b"3",
    }
    assert usage_of([(b"content-type", b"application/json"), *headers]) == usage


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-amzn-bedrock-invocation-latency", b"90")],
        [(b"x-amzn-bedrock-input-token-count", b"-1")],
        [(b"x-amzn-bedrock-output-token-count", b"x")],
    ],
)
def test_without_counts_there_is_no_usage(headers: list[tuple[bytes, bytes]]) -> None:
    """A count that is none is not believed."""
    assert usage_of(headers) is None


@pytest.mark.parametrize(
    ("head", "tier"),
    [
        ({}, None),
        ({b"x-amzn-bedrock-service-tier": b"default"}, None),
        ({b"x-amzn-bedrock-service-tier": b"priority"}, "priority"),
        ({b"x-amzn-bedrock-performanceconfig-latency": b"optimized"}, "optimized"),
        ({b"x-amzn-bedrock-performanceconfig-latency": b"standard"}, None),
    ],
)
def test_tier_that_is_billed(head: dict[bytes, bytes], tier: str | None) -> None:
    """As Converse says it in its body."""
    assert tier_in(head) == tier
