"""The wrappers, one behaviour each, through the whole stack."""

import gzip
from typing import Any

import orjson
import pytest
import zstandard
from starlette.types import Receive, Scope, Send

from proxy.api.json_response import send_json
from proxy.core.context import SCOPE_KEY
from proxy.core.errors import BadRequest, ErrorInfo, ProviderRejected
from proxy.governance.admission import InFlight
from tests.unit.governance.stack_fixture import stack

GOOD = {"authorization": "Bearer good"}
CHAT = "/v1/chat/completions"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what the wrappers left behind."""
    ctx = scope[SCOPE_KEY]
    seen: dict[str, Any] = {"json": ctx.json, "key": ctx.principal.key_id if ctx.principal else None, "ip": ctx.client_ip, "trace": ctx.trace_id}
    await send_json(send, 200, seen)


async def test_a_good_key_passes() -> None:
    """Bearer, x-api-key and api-key carry the same key; x-api-key wins."""
    client, _ = stack(echo)
    for headers in (GOOD, {"x-api-key": "good"}, {"api-key": "good"}, {"x-api-key": "good", "authorization": "Bearer bad"}):
        answer = await client.post(CHAT, json={}, headers=headers)
        assert (answer.status_code, answer.json()["key"]) == (200, "k1")


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Basic x"}, {"authorization": "Bearer "}, {"authorization": "Bearer nope"}, {"x-api-key": "x" * 5000}],
)
async def test_anything_else_is_401(headers: dict[str, str]) -> None:
    """Missing, malformed and unknown keys."""
    client, ends = stack(echo)
    answer = await client.post(CHAT, json={}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["x-should-retry"] == "false"
    assert ends.done[0].status == 401


async def test_a_refused_body_is_never_read() -> None:
    """401 comes before a byte of the body is taken, and the connection is not used again."""
    client, _ = stack(echo)
    answer = await client.post(CHAT, content=b"not json", headers={"authorization": "Bearer nope"})
    assert answer.status_code == 401


async def test_the_store_is_asked_for_unknown_keys() -> None:
    """What memory does not know, `verify` may."""
    client, _ = stack(echo)
    assert (await client.post(CHAT, json={}, headers={"x-api-key": "slow"})).json()["key"] == "k3"


async def test_admin_routes_need_the_role() -> None:
    """A's text."""
    client, _ = stack(echo)
    refused = await client.get("/v1/admin/x", headers=GOOD)
    assert (refused.status_code, refused.json()["message"]) == (403, "Admin role required")
    assert (await client.get("/v1/admin/x", headers={"x-api-key": "boss"})).status_code == 200


async def test_public_routes_need_no_key() -> None:
    """Probes carry none."""
    client, _ = stack(echo)
    assert (await client.get("/health")).status_code == 200


async def test_authentication_can_be_off() -> None:
    """Everybody is an administrator then."""
    client, _ = stack(echo, keys=None)
    assert (await client.get("/v1/admin/x")).json()["key"] == "anonymous"


async def test_the_body_is_parsed_once_and_capped() -> None:
    """Over the cap: 413, by length and by count."""
    client, _ = stack(echo, models_max=50)
    assert (await client.post(CHAT, json={"a": 1}, headers=GOOD)).json()["json"] == {"a": 1}
    assert (await client.post(CHAT, json={"a": "x" * 60}, headers=GOOD)).status_code == 413

    async def pieces() -> Any:
        for _ in range(10):
            yield b"x" * 10

    assert (await client.post(CHAT, content=pieces(), headers=GOOD)).status_code == 413


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_compressed_bodies_are_capped_after_decompression(encoding: str) -> None:
    """gzip and zstd are taken; a bomb is 413; damage is 400."""
    client, _ = stack(echo)
    pack = gzip.compress if encoding == "gzip" else zstandard.ZstdCompressor().compress
    headers = {**GOOD, "content-encoding": encoding, "content-type": "application/json"}
    assert (await client.post(CHAT, content=pack(b'{"a":1}'), headers=headers)).json()["json"] == {"a": 1}
    assert (await client.post(CHAT, content=pack(b" " * 100_000), headers=headers)).status_code == 413
    assert (await client.post(CHAT, content=b"\x00garbage", headers=headers)).status_code == 400
    assert (await client.post(CHAT, content=pack(b'{"a":1}')[:-3], headers=headers)).status_code == 400


async def test_other_encodings_and_types_are_415() -> None:
    """Said before the body is read."""
    client, _ = stack(echo)
    assert (await client.post(CHAT, content=b"x", headers={**GOOD, "content-encoding": "br"})).status_code == 415
    assert (await client.post(CHAT, content=b"x", headers={**GOOD, "content-type": "text/plain"})).status_code == 415


async def test_bad_json_says_where() -> None:
    """Line and column."""
    client, _ = stack(echo)
    answer = await client.post(CHAT, content=b'{"a": }', headers=GOOD)
    assert answer.status_code == 400
    assert "column" in answer.text


async def test_every_answer_carries_its_ids() -> None:
    """X-Trace-ID, x-request-id, nosniff and DENY; a traceparent is continued."""
    client, _ = stack(echo)
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = await client.get("/health", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert answer.headers["x-trace-id"] == answer.json()["trace"] == trace
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["x-request-id"] != trace
    assert (answer.headers["x-content-type-options"], answer.headers["x-frame-options"]) == ("nosniff", "DENY")


async def test_a_crash_is_a_clean_500() -> None:
    """No traceback reaches a client."""

    async def crash(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("secret detail")

    client, ends = stack(crash)
    answer = await client.get("/health")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert ends.done[0].error == "internal_error"


async def test_an_error_keeps_its_headers() -> None:
    """Retry-After in whole seconds, the source of the error, and x-should-retry where it cannot help."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        raise ProviderRejected(ErrorInfo(status=429, message="slow down", blame="provider", retryable=True, retry_after_s=1.2))

    client, _ = stack(limited)
    answer = await client.get("/health")
    assert (answer.status_code, answer.headers["retry-after"], answer.headers["x-llm-edge-error-source"]) == (429, "2", "provider")
    assert "x-should-retry" not in answer.headers

    async def wrong(scope: Scope, receive: Receive, send: Send) -> None:
        raise BadRequest("no", param="x")

    client, _ = stack(wrong)
    answer = await client.get("/health")
    assert (answer.headers["x-should-retry"], answer.headers["x-llm-edge-error-source"]) == ("false", "gateway")


async def test_settle_runs_once_for_every_ending() -> None:
    """Claims go back after a success, an error and a crash."""
    in_flight = InFlight()
    endings = iter([None, BadRequest("no"), ValueError("boom")])

    async def ending(scope: Scope, receive: Receive, send: Send) -> None:
        assert in_flight.requests == 1
        error = next(endings)
        if error is not None:
            raise error
        await send_json(send, 200, {})

    client, ends = stack(ending, in_flight=in_flight)
    for status in (200, 400, 500):
        assert (await client.post(CHAT, json={}, headers=GOOD)).status_code == status
        assert in_flight.requests == 0
    assert (ends.started, len(ends.done)) == (3, 3)


async def test_the_client_address_is_the_last_untrusted_hop() -> None:
    """X-Forwarded-For is believed from trusted proxies only."""
    client, _ = stack(echo, trusted_proxies=("127.0.0.1", "10.0.0.0/8"))
    answer = await client.get("/health", headers={"x-forwarded-for": "203.0.113.9, 198.51.100.7, 10.1.2.3"})
    assert answer.json()["ip"] == "198.51.100.7"
    plain, _ = stack(echo)
    assert (await plain.get("/health", headers={"x-forwarded-for": "203.0.113.9"})).json()["ip"] == "127.0.0.1"


async def test_cors_is_off_unless_configured() -> None:
    """Pre-flights answer without a key for listed origins only."""
    client, _ = stack(echo, cors_origins=("https://app.example",))
    ask = {"origin": "https://app.example", "access-control-request-method": "POST"}
    answer = await client.options(CHAT, headers=ask)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "x-api-key" in answer.headers["access-control-allow-headers"].lower()
    assert (await client.options(CHAT, headers={**ask, "origin": "https://evil.example"})).status_code == 401
    closed, _ = stack(echo)
    assert "access-control-allow-origin" not in (await closed.get("/health", headers=ask)).headers


async def test_a_key_with_a_model_list_is_judged_by_target() -> None:
    """`permit` is left for the attempts (contract D)."""
    verdicts = []

    async def ask(scope: Scope, receive: Receive, send: Send) -> None:
        ctx = scope[SCOPE_KEY]
        ctx.model = orjson.loads(ctx.body)["model"]
        verdicts.append(ctx.permit("openai", "x").error)
        await send_json(send, 200, {})

    client, _ = stack(ask)
    for model in ("only", "other"):
        await client.post(CHAT, json={"model": model}, headers={"x-api-key": "slow"})
    assert verdicts[0] is None
    assert verdicts[1].status == 403
