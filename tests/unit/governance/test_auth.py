"""Who is calling."""

import pytest

from proxy.core.errors import Unauthenticated, Unavailable
from proxy.core.identity import Principal
from proxy.governance.auth import presented_key
from proxy.governance.jwt.refusal import TokenRefused
from tests.unit.governance.stack_fixture import CHAT_PATH, GOOD, echo, stack


async def test_a_good_key_passes() -> None:
    """Bearer, x-api-key and api-key carry the same key; x-api-key wins."""
    client, _ = stack(echo)
    for headers in (GOOD, {"x-api-key": "good"}, {"api-key": "good"}, {"x-api-key": "good", "authorization": "Bearer bad"}):
        answer = await client.post(CHAT_PATH, json={}, headers=headers)
        assert (answer.status_code, answer.json()["key"]) == (200, "k1")


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Basic x"}, {"authorization": "Bearer "}, {"authorization": "Bearer nope"}, {"x-api-key": "x" * 5000}],
)
async def test_anything_else_is_401(headers: dict[str, str]) -> None:
    """Missing, malformed and unknown keys."""
    client, ends = stack(echo)
    answer = await client.post(CHAT_PATH, json={}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["x-should-retry"] == "false"
    assert ends.done[0].status == 401


async def test_the_store_is_asked_for_unknown_keys() -> None:
    """What memory does not know, `verify` may."""
    client, _ = stack(echo)
    assert (await client.post(CHAT_PATH, json={}, headers={"x-api-key": "slow"})).json()["key"] == "k3"


async def test_admin_routes_need_the_role() -> None:
    """A's text."""
    client, _ = stack(echo)
    refused = await client.get("/v1/admin/x", headers=GOOD)
    assert (refused.status_code, refused.json()["message"]) == (403, "Admin role required")
    assert (await client.get("/v1/admin/x", headers={"x-api-key": "boss"})).status_code == 200


async def test_readers_of_admin_routes_change_nothing() -> None:
    """`admin_read` is enough to look."""
    client, _ = stack(echo)
    assert (await client.get("/v1/admin/x", headers={"x-api-key": "auditor"})).status_code == 200
    refused = await client.post("/v1/admin/x", headers={"x-api-key": "auditor"})
    assert (refused.status_code, refused.json()["message"]) == (403, "Admin role required")


@pytest.mark.parametrize("path", [CHAT_PATH, "/v1/admin/x"])
async def test_a_key_is_refused_from_elsewhere(path: str) -> None:
    """On every route, with what to do; from its own networks it passes."""
    client, ends = stack(echo)
    refused = await client.post(path, json={}, headers={"x-api-key": "far"})
    assert refused.status_code == 403
    assert "may not be used from 127.0.0.1" in refused.json()["message"]
    assert ends.done[0].error == "address_not_allowed"
    assert (await client.post(CHAT_PATH, json={}, headers={"x-api-key": "near"})).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "says"),
    [
        ({}, 401, "Not authenticated"),
        ({"x-api-key": "nope"}, 401, "Invalid API key"),
        ({"x-api-key": "old"}, 403, "API key has expired"),
    ],
)
async def test_the_agent_gateway_s_texts(headers: dict[str, str], status: int, says: str) -> None:
    """On C's routes; on others an expired key is 401 in A's words."""
    client, _ = stack(echo)
    answer = await client.get("/v1/agent/invoke", headers=headers)
    assert (answer.status_code, answer.json()) == (status, {"detail": says})
    other = await client.post(CHAT_PATH, json={}, headers={"x-api-key": "old"})
    assert (other.status_code, other.json()["message"]) == (401, "Invalid or expired API key")


async def test_public_routes_need_no_key() -> None:
    """Probes carry none."""
    client, _ = stack(echo)
    assert (await client.get("/health")).status_code == 200


async def test_authentication_can_be_off() -> None:
    """Everybody is an administrator then."""
    client, _ = stack(echo, keys=None)
    assert (await client.get("/v1/admin/x")).json()["key"] == "anonymous"


class Down:
    """A store that cannot say."""

    def find(self, digest: bytes) -> Principal | None:
        return None

    async def verify(self, key: str) -> Principal | None:
        raise Unavailable("the store is down")

    def ended(self, digest: bytes) -> None:
        return None


async def test_a_store_that_is_down_is_503_and_never_401() -> None:
    """A client that is told 401 throws its key away."""
    client, _ = stack(echo, keys=Down())
    answer = await client.post(CHAT_PATH, json={}, headers=GOOD)
    assert answer.status_code == 503
    assert "x-should-retry" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({b"x-api-key": b" k "}, "k"),
        ({b"api-key": b"a", b"authorization": b"Bearer b"}, "a"),
        ({b"authorization": b"bearer  k "}, "k"),
    ],
)
def test_where_the_key_stands(headers: dict[bytes, bytes], key: str) -> None:
    """The scheme in any case, blanks around the key aside."""
    assert presented_key(headers) == key


@pytest.mark.parametrize(
    ("headers", "code", "says"),
    [
        ({}, "missing_api_key", "Missing Authorization header"),
        ({b"authorization": b"Basic abc"}, "invalid_api_key", "Use: Bearer <api_key>"),
        ({b"authorization": b"Bearer"}, "invalid_api_key", "Use: Bearer <api_key>"),
        ({b"x-api-key": b"\xff"}, "invalid_api_key", "Invalid or expired API key"),
    ],
)
def test_what_to_send_is_said(headers: dict[bytes, bytes], code: str, says: str) -> None:
    """A's texts."""
    with pytest.raises(Unauthenticated, match=says) as caught:
        presented_key(headers)
    assert caught.value.code == code


TOKEN = "eyJhbGciOiJub25lIn0.e30."


async def test_a_token_may_be_longer_than_a_key() -> None:
    """Groups make it long; what is too long even so is its verifier's to refuse."""
    assert presented_key({b"x-api-key": b"eyJ." + b"x" * 5000}) == "eyJ." + "x" * 5000
    with pytest.raises(Unauthenticated):
        presented_key({b"x-api-key": b"x." * 2500})


class Refusing(Down):
    """An issuer's verifier that takes none."""

    async def verify(self, key: str) -> Principal | None:
        raise TokenRefused("it expired 5 s ago")


async def test_a_refused_token_says_why() -> None:
    """With RFC 6750's challenge."""
    client, _ = stack(echo, keys=Refusing())
    answer = await client.post(CHAT_PATH, json={}, headers={"authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert "expired 5 s ago" in answer.text


async def test_another_one_to_be_metered() -> None:
    """Without the scope 403, of keys found in memory and in the store alike; with it the handler sees it."""
    client, _ = stack(echo)
    for key in ("good", "slow"):
        answer = await client.post(CHAT_PATH, json={}, headers={"x-api-key": key, "x-service-id": "billing"})
        assert (answer.status_code, answer.json()["message"][:12]) == (403, "X-Service-ID")
    assert (await client.get("/v1/admin/x", headers={"x-api-key": "boss", "x-identifier": "ada"})).status_code == 200
    anonymous, _ = stack(echo, keys=None)
    assert (await anonymous.post(CHAT_PATH, json={}, headers={"x-service-id": "a}b"})).status_code == 400


async def test_a_local_user_stands_in_for_a_missing_key_and_any_token() -> None:
    """Never for a key that is wrong."""
    client, _ = stack(echo, local_user=Principal(key_id="local_user", tenant="SYSTEM", user="u"))
    assert (await client.post(CHAT_PATH, json={})).json()["key"] == "local_user"
    assert (await client.post(CHAT_PATH, json={}, headers={"authorization": f"Bearer {TOKEN}"})).json()["key"] == "local_user"
    assert (await client.post(CHAT_PATH, json={}, headers={"authorization": "Bearer nope"})).status_code == 401
    assert (await client.post(CHAT_PATH, json={}, headers={"authorization": "Basic x"})).status_code == 401
