"""The whole HTTP surface."""

import pytest
from starlette.types import Receive, Scope, Send

from proxy.api.routes import PREFIXES, TABLE, Router, Row
from tests.support.library import in_process


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """A handler."""


def router(*, health_needs_key: bool = False) -> Router:
    return Router({row.handler: nothing for row in TABLE}, health_needs_key=health_needs_key)


@pytest.mark.parametrize("prefix", ["", *PREFIXES])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path}")
def test_every_row_answers_below_every_prefix(row: Row, prefix: str) -> None:
    """With its own template as the label."""
    info = router().classify(row.method, prefix + row.path.replace("{model}", "a/b"))
    assert (info.name, info.family, info.dialect, info.public) == (row.path, row.family, row.dialect, row.public)
    assert info.reads_body is (row.method in ("POST", "PUT", "PATCH") and row.reads_body)


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/v1/nothing", "openai"),
        ("/v1/messages/nothing", "anthropic"),
        ("/v1/admin/keys", "admin"),
        ("/v1/agent/invoke", "invoke"),
        ("/v1beta/nothing", "gemini"),
        ("/model/x/unknown", "bedrock"),
        ("/llm-gateway/model/x/unknown", "bedrock"),
        ("/api/llm-gateway/v1/nothing", "openai"),
        ("/openai/nothing", "openai"),
        ("/favicon.ico", "ops"),
    ],
)
def test_unknown_paths_belong_to_the_family_of_their_prefix(path: str, family: str) -> None:
    """They need no key: a stranger learns from 404 what it would learn from 401."""
    info = router().classify("GET", path)
    assert (info.name, info.family, info.public, info.dialect) == ("unmatched", family, True, None)


def test_labels_are_never_the_clients_text() -> None:
    """However many paths it tries."""
    names = {router().classify("GET", path).name for path in ("/a", "/v1/b", "/v1/models/c", "/openai/deployments/d/chat/completions")}
    assert names == {"unmatched", "/v1/models/{model}", "/openai/deployments/{model}/chat/completions"}


@pytest.mark.parametrize("path", ["/health", "/health/live", "/readyz", "/metrics"])
def test_health_routes_and_metrics_may_need_a_key(path: str) -> None:
    """`auth.health_check`; by default they do not."""
    assert [router(health_needs_key=needs).classify("GET", path).public for needs in (False, True)] == [True, False]


async def test_an_unknown_path_is_404_in_its_dialect() -> None:
    """And says which path was asked for, cut short."""
    async with in_process() as edge:
        openai = await edge.client.get("/v1/" + "x" * 300)
        assert (openai.status_code, openai.json()["error"]["code"]) == (404, "not_found")
        assert len(openai.json()["error"]["message"]) < 250
        anthropic = await edge.client.post("/v1/messages/none", json={})
        assert (anthropic.status_code, anthropic.json()["error"]["type"]) == (404, "not_found_error")
        assert (await edge.client.get("/nothing")).json()["code"] == "HTTP_404"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("PUT", "/v1/messages", "POST"),
        ("POST", "/v1/models", "GET"),
        ("DELETE", "/v1/models/m", "GET"),
        ("POST", "/health", "GET"),
        ("OPTIONS", "/v1/chat/completions", "POST"),
    ],
)
async def test_the_wrong_method_is_405_and_the_right_one_is_named(method: str, path: str, allow: str) -> None:
    """Without a key, and without reading a body."""
    async with in_process() as edge:
        answer = await edge.client.request(method, path, headers={"authorization": "Bearer nope"})
        assert (answer.status_code, answer.headers["allow"]) == (405, allow)


async def test_head_asks_like_get() -> None:
    """Load balancers probe with it."""
    async with in_process() as edge:
        assert (await edge.client.head("/health/live")).status_code == 200


async def test_a_websocket_upgrade_is_501_and_says_what_to_use() -> None:
    """In the dialect; `x-should-retry: false` keeps SDKs from trying again."""
    async with in_process() as edge:
        for path in ("/v1/realtime", "/v1/models"):
            answer = await edge.client.get(path, headers={"upgrade": "WebSocket", "connection": "upgrade"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (501, "not_implemented")
            assert "stream: true" in answer.json()["error"]["message"]
            assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("header", "family"),
    [(b"anthropic-version", "anthropic"), (b"x-goog-api-key", "gemini"), (b"x-goog-api-client", "gemini"), (b"accept", "openai")],
)
def test_one_path_of_three_apis_is_told_apart(header: bytes, family: str) -> None:
    """By what only one API's clients send."""
    for path in ("/v1/models", "/v1/models/m", "/llm-gateway/v1/models"):
        assert router().classify("GET", path).seen_by({header: b"x"}).family == family
