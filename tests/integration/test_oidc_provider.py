"""The gateway with a real OpenID provider (npm oidc-provider) as its issuer, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from tests.support.gateway import Running, chat_body, running, settings
from tests.support.oidc_server import CLIENT, OidcServer
from tests.support.tokens import AUDIENCE, SigningKey, attacks


@pytest.fixture
def key() -> SigningKey:
    return SigningKey("first", "RS256")


@pytest.fixture
def issuer(key: SigningKey) -> Iterator[OidcServer]:
    with OidcServer(key) as server:
        yield server


@pytest.fixture
async def edge(issuer: OidcServer) -> AsyncIterator[Running]:
    jwt = {
        "issuer": issuer.url,
        "audience": AUDIENCE,
        "claims": {"tenant": "tenant", "groups": "org.groups"},
        "roles": {"builders": "developer"},
        "jwks_min_refresh_s": 0.5,
    }
    async with running(settings(auth={"jwt": [jwt]})) as served:
        yield served


async def fetched(issuer: OidcServer, **more: str) -> str:
    """A token by client credentials."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        form = {"grant_type": "client_credentials", "scope": "llm/invoke", **more}
        answer = await client.post(f"{issuer.url}/token", data=form, auth=CLIENT)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


async def ask(edge: Running, token: str) -> httpx2.Response:
    return await edge.client.post("/v1/chat/completions", json=chat_body(), headers={"authorization": f"Bearer {token}"})


async def until_answered(edge: Running, token: str, status: int) -> None:
    async with asyncio.timeout(10):
        while (await ask(edge, token)).status_code != status:
            await asyncio.sleep(0.05)


async def jwks_fetches(issuer: OidcServer) -> int:
    async with httpx2.AsyncClient(trust_env=False) as client:
        found: dict[str, int] = (await client.get(f"{issuer.url}/fetches")).json()
        return found["jwks"]


async def test_a_token_by_client_credentials_is_taken(edge: Running, issuer: OidcServer) -> None:
    """Found by discovery, its keys by `jwks_uri`; the second time nothing is verified and nobody asked."""
    token = await fetched(issuer)
    for _ in range(2):
        answer = await ask(edge, token)
        assert answer.status_code == 200, answer.text
    assert await jwks_fetches(issuer) == 1


async def test_keys_are_rotated_on_the_live_server(edge: Running, issuer: OidcServer, key: SigningKey) -> None:
    """A token of the new key is taken at once; the old one's as long as its key is in the set, and not after it has gone."""
    old = await fetched(issuer)
    assert (await ask(edge, old)).status_code == 200
    issuer.rotate(SigningKey("second", "ES256"), key)
    new = await fetched(issuer)
    assert [(await ask(edge, token)).status_code for token in (new, old)] == [200, 200]
    issuer.rotate(SigningKey("third", "EdDSA"))
    newest = await fetched(issuer)
    await until_answered(edge, newest, 200)
    assert [(await ask(edge, token)).status_code for token in (old, new)] == [401, 401]


async def test_known_keys_outlive_the_server(edge: Running, issuer: OidcServer, key: SigningKey) -> None:
    """A token that nobody has seen is taken by the known key; one of an unknown key is 503, for it may be good."""
    token, unseen = await fetched(issuer), await fetched(issuer)
    assert (await ask(edge, token)).status_code == 200
    stranger: dict[str, Any] = {"iss": issuer.url, "sub": "a", "aud": AUDIENCE, "exp": 4_000_000_000, "tenant": "acme"}
    issuer.stop()
    assert [(await ask(edge, one)).status_code for one in (token, unseen)] == [200, 200]
    answer = await ask(edge, SigningKey("later").token(stranger))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "issuer_unavailable")


async def test_expired_and_foreign_tokens_of_the_server_itself(issuer: OidcServer) -> None:
    """Its own token for another resource, and one that lived a second."""
    jwt = {"issuer": issuer.url, "audience": [AUDIENCE, f"{AUDIENCE}/short"], "leeway_s": 0}
    async with running(settings(auth={"jwt": [jwt]})) as edge:
        short = await fetched(issuer, resource=f"{AUDIENCE}/short")
        await until_answered(edge, short, 401)
        foreign = await fetched(issuer, resource="https://another.example/api")
        assert (await ask(edge, foreign)).status_code == 401


async def test_attacks_on_it_are_refused(edge: Running, issuer: OidcServer, key: SigningKey) -> None:
    """Every one with 401, whatever it brings along; and nothing was fetched for their sake but the key set, twice at most."""
    assert (await ask(edge, await fetched(issuer))).status_code == 200
    made = attacks(key, issuer.url, tenant="acme")
    statuses = {name: (await ask(edge, token)).status_code for name, token in made.items()}
    assert len(made) >= 12
    assert set(statuses.values()) == {401}, statuses
    assert await jwks_fetches(issuer) <= 4
