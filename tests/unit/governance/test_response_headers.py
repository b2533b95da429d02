"""The headers that answers get."""

import pytest

from proxy.core.context import AttemptRecord, RequestContext
from proxy.core.errors import ErrorInfo
from proxy.core.route import RouteInfo
from proxy.governance.response_headers import MAX_BLOCKS, HeadBlocks, ascii_header, error_headers, response_headers

CHAT = RouteInfo(name="/v1/chat/completions", family="openai", dialect="openai_chat")
MESSAGES = RouteInfo(name="/v1/messages", family="anthropic", dialect="anthropic_messages")


def answered(route: RouteInfo = CHAT, **fields: object) -> RequestContext:
    ctx = RequestContext(route, "a" * 32, 0.0)
    ctx.provider, ctx.served_model, ctx.cache_status = "openai", "gpt-4o", "miss"
    ctx.attempts.append(AttemptRecord("openai", "gpt-4o"))
    for name, value in fields.items():
        setattr(ctx, name, value)
    return ctx


def parsed(block: bytes) -> dict[str, str]:
    assert block.endswith(b"\r\n")
    return dict(line.split(": ", 1) for line in block.decode("ascii").removesuffix("\r\n").split("\r\n"))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"route": MESSAGES},
        {"cache_status": "hit", "cache_tier": "l1", "cost_nanos": 0},
        {"cost_nanos": 1_234_567, "provider_request_id": "req_1", "dropped": ["seed", "tools[0].strict"]},
        {"cost_nanos": 12_000_000_001},
        {"cost_nanos": 1, "route": MESSAGES, "provider": "50% off"},
        {"provider": "50% off", "served_model": "modèle"},
        {"headers_out": [(b"access-control-allow-origin", b"https://a.example")]},
    ],
)
def test_a_block_says_what_the_list_says(fields: dict[str, object]) -> None:
    """Both ways of answering show the same headers, the first time and from the memory."""
    blocks = HeadBlocks()
    route = fields.get("route", CHAT)
    assert isinstance(route, RouteInfo)
    ctx = answered(route, **{name: value for name, value in fields.items() if name != "route"})
    listed = {name.decode(): value.decode() for name, value in response_headers(ctx)}
    for _ in range(2):
        block = parsed(blocks.block(ctx))
        assert block.pop("content-type") == "application/json"
        assert float(block.pop("x-llm-edge-overhead-ms")) > 0
        assert block == {name: value for name, value in listed.items() if name != "x-llm-edge-overhead-ms"}


def test_nothing_of_a_request_can_end_a_line() -> None:
    """A provider's request id and a dropped path with CR and LF stay one header each."""
    ctx = answered(provider_request_id="a\r\nset-cookie: b", dropped=["c\r\nd"], served_model="e\r\nf: g")
    names = [line.split(b":")[0] for line in HeadBlocks().block(ctx).split(b"\r\n")]
    assert b"set-cookie" not in names
    assert b"f" not in names
    assert len(names) == 14


def test_the_memory_is_bounded() -> None:
    """Model names are the client's choice where no table lists them."""
    blocks = HeadBlocks()
    for number in range(MAX_BLOCKS + 5):
        blocks.block(answered(served_model=f"m{number}"))
    assert len(blocks._known) <= MAX_BLOCKS


@pytest.mark.parametrize(
    ("retry_after_s", "header"), [(0.0, b"1"), (0.2, b"1"), (1.0, b"1"), (1.0001, b"2"), (1.2, b"2"), (59.5, b"60"), (3600.0, b"3600")]
)
def test_retry_after_is_rounded_up_and_at_least_one(retry_after_s: float, header: bytes) -> None:
    """Never earlier than was asked for."""
    info = ErrorInfo(status=429, message="m", retryable=True, retry_after_s=retry_after_s)
    assert error_headers(info) == [(b"retry-after", header)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("gpt-4o-mini", b"gpt-4o-mini"),
        ("100%", b"100%"),
        ("modèle/1", b"mod%C3%A8le/1"),
        ("50% ü", b"50%25%20%C3%BC"),
        ("a\r\nx: y", b"a%0D%0Ax:%20y"),
        ("\x7f", b"%7F"),
        ("\ud800", b"%ED%A0%80"),
    ],
)
def test_names_in_headers_are_ascii_or_percent_encoded(text: str, value: bytes) -> None:
    """No control character gets into a header, whatever a client calls its model."""
    assert ascii_header(text) == value


def test_answers_that_differ_in_cost_share_a_block() -> None:
    """The memory has one entry for all of them, and one for those whose cost is not known."""
    blocks = HeadBlocks()
    costs = [parsed(blocks.block(answered(cost_nanos=nanos))).get("x-llm-edge-cost-usd") for nanos in (*range(500), None)]
    assert costs[-2:] == ["0.000000499", None]
    assert len(blocks._known) == 2
