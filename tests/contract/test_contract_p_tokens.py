"""Contract P: tokens with anything wrong are 401 at every family's door, and cost the record store nothing; storms of unknown keys cost the
issuer one fetch a while; known keys outlive the issuer.

The same attacks against a real OpenID provider: tests/integration/test_oidc_provider.py.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from proxy.core.clock import SystemClock
from proxy.core.tasks import TaskSupervisor
from proxy.governance.jwt.front import KeysAndTokens
from proxy.governance.jwt.open import open_tokens
from proxy.governance.jwt.refusal import TokenRefused
from proxy.governance.keys import Keyring, SignedKeys, StaticKeys, key_digest
from proxy.settings.auth import AuthSettings
from proxy.storage.records import KeyRecord
from proxy.storage.records_memory import MemoryRecords
from tests.support.gateway import ADMIN_KEY, KEY, Running, chat_body, running, settings
from tests.support.tokens import AUDIENCE, ServedIssuer, SigningKey, attacks, good_claims, served_issuer, until

SECRET = b"0123456789abcdef0123456789abcdef"


class CountedRecords(MemoryRecords):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    async def get(self, key_id: str) -> KeyRecord | None:
        self.calls += 1
        return await super().get(key_id)

    async def by_hash(self, key_hash: str) -> KeyRecord | None:
        self.calls += 1
        return await super().by_hash(key_hash)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey("k1")


@pytest.fixture
async def issuer(key: SigningKey) -> AsyncIterator[ServedIssuer]:
    async with served_issuer() as served:
        served.keys = [key]
        yield served


def entry(issuer: ServedIssuer, **more: Any) -> dict[str, Any]:
    return {"issuer": issuer.url, "audience": AUDIENCE, "claims": {"tenant": "tenant"}, "tenant": "shared", **more}


@asynccontextmanager
async def edge_of(issuer: ServedIssuer, **more: Any) -> AsyncIterator[Running]:
    async with running(settings(auth={"jwt": [entry(issuer, **more)]})) as edge:
        yield edge


async def ask(edge: Running, token: str, **headers: str) -> httpx2.Response:
    return await edge.client.post("/v1/chat/completions", json=chat_body(), headers={"authorization": f"Bearer {token}", **headers})


async def test_every_attack_is_401(issuer: ServedIssuer, key: SigningKey) -> None:
    """With a word on why, none of it the token's own; and the connection is good for the next request."""
    made = attacks(key, issuer.url)
    async with edge_of(issuer) as edge:
        assert (await ask(edge, issuer.token())).status_code == 200
        for name, token in made.items():
            answer = await ask(edge, token)
            assert answer.status_code == 401, (name, answer.text)
            error = answer.json()["error"]
            assert (error["code"], error["type"]) == ("invalid_token", "authentication_error"), name
            assert error["message"].startswith("Invalid authentication token: "), name
            assert "other" not in error["message"]
            assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
            assert answer.headers["x-should-retry"] == "false"
        assert (await ask(edge, issuer.token())).status_code == 200
        await edge.idle()
    assert issuer.fetches <= 2


async def test_no_attack_reaches_the_record_store(issuer: ServedIssuer, key: SigningKey) -> None:
    """Nor does a good token; and no attack is remembered as one."""
    records, tasks, clock = CountedRecords(), TaskSupervisor(), SystemClock()
    tokens = open_tokens(AuthSettings.model_validate({"jwt": [entry(issuer)]}), clock, tasks)
    assert tokens is not None
    tasks.start(tokens.keep(), name="jwks", endless=True)
    keys = KeysAndTokens(Keyring(StaticKeys(), SignedKeys(SECRET, records)), tokens)
    for token in attacks(key, issuer.url).values():
        for _ in range(2):
            with pytest.raises(TokenRefused):
                await keys.verify(token)
        assert keys.find(key_digest(token)) is None
    good = issuer.token()
    assert await keys.verify(good) is keys.find(key_digest(good))
    await tasks.close()
    assert records.calls == 0


async def test_every_family_refuses_in_its_own_words(issuer: ServedIssuer) -> None:
    """W's texts for Bedrock's clients; the others are told what is wrong."""
    bad = issuer.token(exp=int(time.time()) - 100)
    why = "Invalid authentication token: it expired 100 s ago: get a new one from its issuer"
    body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    async with edge_of(issuer) as edge, httpx2.AsyncClient(base_url=edge.url, trust_env=False) as client:

        async def converse(**headers: str) -> tuple[int, Any]:
            answer = await client.post("/llm-gateway/model/m/converse", json=body, headers=headers)
            return answer.status_code, answer.json().get("detail")

        assert await converse(authorization=f"Bearer {bad}") == (401, "Invalid authentication token")
        assert await converse() == (401, "Authentication required")
        assert await converse(authorization="Token abc") == (401, "Invalid Authorization header format")
        assert await converse(authorization=f"Bearer {issuer.token()}") == (200, None)
        messages = await client.post("/v1/messages", json={}, headers={"x-api-key": bad})
        assert (messages.status_code, messages.json()["error"]["message"][:40]) == (401, why[:40])
        google = await client.post("/v1beta/models/m:generateContent", json={}, headers={"x-goog-api-key": bad})
        assert (google.status_code, google.json()["error"]["message"][:40]) == (401, why[:40])
        admin = await client.get("/v1/admin/config", headers={"authorization": f"Bearer {bad}"})
        assert (admin.status_code, admin.json()["message"][:40], admin.json()["details"]) == (401, why[:40], {"code": "invalid_token"})


async def test_a_storm_of_unknown_keys_costs_the_issuer_one_fetch(issuer: ServedIssuer) -> None:
    """However many come at once, and whatever they name; the next one a while later."""
    async with edge_of(issuer, jwks_min_refresh_s=1.0) as edge:
        assert (await ask(edge, issuer.token())).status_code == 200
        assert issuer.fetches == 1
        stranger = SigningKey("stranger")
        storm = [stranger.token(good_claims(issuer.url), kid=f"k-{n}") for n in range(60)]
        began = time.monotonic()
        answers = await asyncio.gather(*(ask(edge, token) for token in storm))
        assert {answer.status_code for answer in answers} == {401}
        allowed = 2 + int(time.monotonic() - began)
        assert issuer.fetches <= allowed
        before = issuer.fetches
        await asyncio.sleep(1.05)
        await asyncio.gather(*(ask(edge, token) for token in storm))
        assert before < issuer.fetches <= before + 2


async def test_a_rotated_key_is_found_at_once(issuer: ServedIssuer, key: SigningKey) -> None:
    """Nobody waits for the next scheduled fetch; the old key's tokens live as long as it is in the set."""
    async with edge_of(issuer, jwks_min_refresh_s=0.2) as edge:
        old = issuer.token()
        assert (await ask(edge, old)).status_code == 200
        issuer.keys = [SigningKey("k2", "ES256"), key]
        assert (await ask(edge, issuer.token())).status_code == 200
        assert (await ask(edge, old)).status_code == 200
        assert issuer.fetches == 2


async def test_a_key_that_is_taken_back_ends_its_tokens(issuer: ServedIssuer) -> None:
    """Also those that were verified and remembered, at the next scheduled fetch."""
    async with edge_of(issuer, jwks_refresh_s=0.3) as edge:
        stolen = issuer.token()
        assert (await ask(edge, stolen)).status_code == 200
        issuer.keys = [SigningKey("k2")]
        fetches = issuer.fetches
        await until(lambda: issuer.fetches > fetches)
        await asyncio.sleep(0.1)
        assert (await ask(edge, stolen)).status_code == 401


async def test_the_issuer_s_loss(issuer: ServedIssuer) -> None:
    """Known keys go on, verified and new tokens alike, past every refresh; an unknown key is 503, never 401; and it heals."""

    async def broken(call: Any) -> None:
        call.close()

    async with edge_of(issuer, jwks_refresh_s=0.1, jwks_min_refresh_s=0.1) as edge:
        assert (await ask(edge, issuer.token())).status_code == 200
        issuer.answer = broken
        fetches = issuer.fetches
        await until(lambda: issuer.fetches > fetches + 1)
        assert (await ask(edge, issuer.token(sub="new"))).status_code == 200
        later = SigningKey("later")
        answer = await ask(edge, later.token(good_claims(issuer.url)))
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "issuer_unavailable")
        assert answer.headers["retry-after"] == "1"
        issuer.keys.append(later)
        issuer.answer = None
        async with asyncio.timeout(5):
            while (await ask(edge, later.token(good_claims(issuer.url)))).status_code != 200:
                await asyncio.sleep(0.02)


async def test_an_issuer_that_is_down_at_the_start(issuer: ServedIssuer) -> None:
    """The gateway starts, keys work, tokens are 503 until it comes."""

    async def late(call: Any) -> None:
        await call.answer(500, {})

    issuer.answer = late
    async with edge_of(issuer, jwks_min_refresh_s=0.05) as edge:
        assert (await ask(edge, KEY)).status_code == 200
        assert (await ask(edge, issuer.token())).status_code == 503
        issuer.answer = None
        async with asyncio.timeout(5):
            while (await ask(edge, issuer.token())).status_code != 200:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>maintenance</html>", {}),
        (200, {"keys": []}, {}),
        (200, {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "k1", "alg": "HS256"}]}, {}),
        (302, {}, {"location": "http://127.0.0.1:9/jwks"}),
        (200, b"x" * 300_000, {}),
    ],
    ids=["no json", "no keys", "a shared secret", "redirect", "too large"],
)
async def test_a_key_set_that_is_none_changes_nothing(issuer: ServedIssuer, answer: tuple[int, Any, dict[str, str]]) -> None:
    """The keys that are known stay; nobody is sent elsewhere."""

    async def strange(call: Any) -> None:
        await call.answer(*answer)

    async with edge_of(issuer, jwks_refresh_s=0.1) as edge:
        assert (await ask(edge, issuer.token())).status_code == 200
        issuer.answer = strange
        fetches = issuer.fetches
        await until(lambda: issuer.fetches > fetches)
        await asyncio.sleep(0.05)
        assert (await ask(edge, issuer.token(sub="b"))).status_code == 200


async def test_a_reload_keeps_the_keys_that_are_known(issuer: ServedIssuer) -> None:
    """Also while the issuer is down; an issuer that is taken out is not believed any more."""

    async def broken(call: Any) -> None:
        call.close()

    async with edge_of(issuer) as edge:
        token = issuer.token()
        assert (await ask(edge, token)).status_code == 200
        issuer.answer = broken
        await edge.gateway.reload(settings(auth={"jwt": [entry(issuer, leeway_s=5)]}))
        assert (await ask(edge, token)).status_code == 200
        await edge.gateway.reload(settings())
        assert (await ask(edge, token)).status_code == 401
        await until(lambda: "jwks" not in edge.gateway.state.tasks.names())


async def test_several_issuers(issuer: ServedIssuer) -> None:
    """Each with its own keys: the same kid at another issuer opens nothing."""
    async with served_issuer() as other:
        auth = {"jwt": [entry(issuer), entry(other, tenant=None, tenants=["theirs"])]}
        async with running(settings(auth=auth)) as edge:
            assert (await ask(edge, issuer.token())).status_code == 200
            assert (await ask(edge, other.token(tenant="theirs"))).status_code == 200
            assert (await ask(edge, other.token(tenant="acme"))).status_code == 401
            assert (await ask(edge, other.keys[0].token(good_claims(issuer.url)))).status_code == 401


async def test_roles_of_tokens(issuer: ServedIssuer) -> None:
    """Groups and scopes make roles; an administrator of a tenant is none of the gateway's."""
    more = {"claims": {"groups": "realm_access.roles"}, "tenant": "acme", "roles": {"root": "gateway_admin", "ops": "admin"}}
    async with edge_of(issuer, **more) as edge:

        async def status(path: str, *groups: str) -> int:
            token = issuer.token(realm_access={"roles": list(groups)})
            return (await edge.client.get(path, headers={"authorization": f"Bearer {token}"})).status_code

        assert [await status("/v1/admin/config", *groups) for groups in ((), ("ops",), ("root",))] == [403, 403, 200]
        assert [await status("/v1/admin/api-keys", *groups) for groups in ((), ("ops",), ("root",))] == [403, 200, 200]


async def test_the_metered_entity_by_header(issuer: ServedIssuer) -> None:
    """A service of the client's list, or with the scope; everybody else is refused rather than not heard."""
    more = {"services": {"machine": ["billing"]}, "scopes": {"llm/act": "act_as"}}
    async with edge_of(issuer, **more) as edge:
        machine = issuer.token(sub="machine", client_id="machine")
        user = issuer.token()
        acting = issuer.token(sub="portal", scope="llm/act other")
        for token, headers, status in (
            (machine, {"x-service-id": "billing"}, 200),
            (machine, {"x-service-id": "machine"}, 200),
            (machine, {"x-service-id": "payroll"}, 403),
            (machine, {"x-identifier": "billing"}, 403),
            (user, {"x-service-id": "billing"}, 403),
            (user, {"x-identifier": "ada"}, 200),
            (user, {"x-identifier": "eve"}, 403),
            (acting, {"x-identifier": "eve"}, 200),
            (acting, {"x-identifier": "PROJECT:apollo"}, 200),
            (acting, {"x-identifier": "TENANT:other"}, 400),
            (acting, {"x-service-id": "a", "x-identifier": "b"}, 400),
            (acting, {"x-service-id": "a}b"}, 400),
            (KEY, {"x-service-id": "billing"}, 403),
            (ADMIN_KEY, {"x-service-id": "billing"}, 200),
        ):
            answer = await ask(edge, token, **headers)
            assert answer.status_code == status, (headers, answer.text)
            if status == 403:
                assert answer.json()["error"]["code"] == "scope_required"


async def test_cognito_s_tokens(issuer: ServedIssuer) -> None:
    """No `aud`: the client id is it; an ID token is none for a gateway. The entry is the one that the environment names make, but for its
    place."""
    cognito = {
        "audience": ["users", "machine"],
        "audience_claim": "client_id",
        "required": {"token_use": ["access"]},
        "claims": {"groups": "cognito:groups"},
        "roles": {"super_admin": "admin"},
        "tenant": "SYSTEM",
        "services": {"machine": []},
    }
    async with edge_of(issuer, **cognito) as edge:

        async def status(**claims: Any) -> int:
            return (await ask(edge, issuer.token(aud=None, **claims))).status_code

        assert await status(client_id="users", token_use="access") == 200
        assert await status(client_id="machine", sub="machine", token_use="access") == 200
        assert await status(client_id="others", token_use="access") == 401
        assert await status(client_id="users", token_use="id") == 401
        assert (await ask(edge, issuer.token(aud="users", token_use="id"))).status_code == 401


async def test_local_mode() -> None:
    """W's `ENVIRONMENT=local`: without a key everybody is its test user, no administrator; keys are judged as ever."""
    async with (
        running(settings(auth={"local_user": "test-user-123"})) as edge,
        httpx2.AsyncClient(base_url=edge.url, trust_env=False) as client,
    ):
        assert (await client.post("/v1/chat/completions", json=chat_body())).status_code == 200
        token = SigningKey("any").token(good_claims("any"))
        assert (await ask(edge, token)).status_code == 200
        assert (await ask(edge, "sk-wrong-0123456789")).status_code == 401
        assert (await client.get("/v1/admin/config")).status_code == 403


async def test_tokens_mean_nothing_without_issuers() -> None:
    """401, as any unknown key."""
    async with running(settings()) as edge:
        answer = await ask(edge, SigningKey("any").token(good_claims("https://nobody.test")))
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
