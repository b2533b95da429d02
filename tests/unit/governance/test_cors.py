"""Cross-origin requests from browsers."""

from tests.unit.governance.stack_fixture import CHAT_PATH, echo, stack


async def test_cors_is_off_unless_configured() -> None:
    """Pre-flights answer without a key for listed origins only."""
    client, _ = stack(echo, cors_origins=("https://app.example",))
    ask = {"origin": "https://app.example", "access-control-request-method": "POST"}
    answer = await client.options(CHAT_PATH, headers=ask)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "x-api-key" in answer.headers["access-control-allow-headers"].lower()
    assert (await client.options(CHAT_PATH, headers={**ask, "origin": "https://evil.example"})).status_code == 401
    closed, _ = stack(echo)
    assert "access-control-allow-origin" not in (await closed.get("/health", headers=ask)).headers


async def test_any_origin_may_be_allowed() -> None:
    """`*`, and never the origin itself: no credential but headers."""
    client, _ = stack(echo, cors_origins=("*",))
    answer = await client.get("/health", headers={"origin": "https://any.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


async def test_an_answer_names_what_scripts_may_read() -> None:
    """The gateway's own headers; caches keep origins apart."""
    client, _ = stack(echo, cors_origins=("https://app.example",))
    answer = await client.get("/health", headers={"origin": "https://app.example"})
    assert "x-llm-edge-cache" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in (await client.get("/health")).headers


async def test_how_long_a_preflight_holds() -> None:
    """As configured."""
    client, _ = stack(echo, cors_origins=("*",), cors_max_age_s=5)
    answer = await client.options(CHAT_PATH, headers={"origin": "https://a.example", "access-control-request-method": "POST"})
    assert answer.headers["access-control-max-age"] == "5"


async def test_an_options_request_that_is_no_preflight_goes_on() -> None:
    """Without `access-control-request-method` it is the application's to answer."""
    client, _ = stack(echo, cors_origins=("*",))
    assert (await client.options("/health", headers={"origin": "https://a.example"})).status_code == 200
