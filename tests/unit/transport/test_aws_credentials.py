"""The chain of AWS credentials and their renewal."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from proxy.transport.aws_credentials import EARLY_S, LATE_S, RETRY_S, AwsCredentials, TransportFetch, bedrock_bearer_token
from proxy.transport.aws_sources import CredentialsError
from proxy.transport.base import Header
from proxy.transport.http1 import Http1Transport
from proxy.transport.sigv4 import Credentials
from tests.support.clock import FakeClock
from tests.support.upstream import Call, Upstream

HOUR_S = 3600.0


class Endpoint:
    """A container endpoint: its n-th set of credentials is KEYn and lives `lifetime_s`; `down` refuses, `gate` holds back."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.calls = 0
        self.lifetime_s = HOUR_S
        self.down = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, method: str, url: str, headers: tuple[Header, ...], body: bytes, timeout_s: float) -> tuple[int, bytes]:
        self.calls += 1
        mine = self.calls
        await self.gate.wait()
        if self.down:
            raise OSError("connection refused")
        expiry = datetime.fromtimestamp(self.clock.time() + self.lifetime_s, UTC).isoformat()
        return 200, f'{{"AccessKeyId":"KEY{mine}","SecretAccessKey":"s","Token":"t","Expiration":"{expiry}"}}'.encode()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def endpoint(clock: FakeClock) -> Endpoint:
    return Endpoint(clock)


@pytest.fixture
def chain(endpoint: Endpoint, clock: FakeClock, tmp_path: Path) -> AwsCredentials:
    environ = {"HOME": str(tmp_path), "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c"}
    return AwsCredentials(environ, endpoint, region="us-east-1", clock=clock)


async def unused(method: str, url: str, headers: tuple[Header, ...], body: bytes, timeout_s: float) -> tuple[int, bytes]:
    raise OSError(f"unreachable: {method} {url}")


async def test_order_of_the_sources(tmp_path: Path) -> None:
    """Environment, web identity, files, container, instance: the first that is set up decides."""
    (tmp_path / ".aws").mkdir()
    file = tmp_path / ".aws" / "credentials"
    (tmp_path / "token").write_text("jwt")
    environ = {
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "ENV",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_ROLE_ARN": "arn",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c",
    }
    file.write_text("[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n")

    async def outcome() -> str:
        try:
            return (await AwsCredentials(environ, unused, region="eu-west-1").get()).access_key
        except CredentialsError as exc:
            return str(exc)

    assert await outcome() == "ENV"
    del environ["AWS_ACCESS_KEY_ID"]
    assert "POST https://sts.eu-west-1.amazonaws.com/" in await outcome()
    del environ["AWS_WEB_IDENTITY_TOKEN_FILE"]
    assert await outcome() == "FILE"
    file.unlink()
    assert "GET http://169.254.170.2/c" in await outcome()
    del environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    assert "PUT http://169.254.169.254/latest/api/token" in await outcome()
    environ["AWS_EC2_METADATA_DISABLED"] = "true"
    assert "no AWS credentials" in await outcome()


async def test_one_look_up_serves_all(chain: AwsCredentials, endpoint: Endpoint) -> None:
    """However many ask at once, and afterwards until the renewal is due."""
    found = await asyncio.gather(*(chain.get() for _ in range(20)))
    assert {one.access_key for one in found} == {"KEY1"}
    assert (await chain.get()).access_key == "KEY1"
    assert endpoint.calls == 1


async def test_renewed_early_by_one_while_others_go_on(chain: AwsCredentials, endpoint: Endpoint, clock: FakeClock) -> None:
    """EARLY_S before the end the first to ask waits for new ones, the others don't."""
    await chain.get()
    clock.advance(HOUR_S - EARLY_S - 1)
    assert (await chain.get()).access_key == "KEY1"
    clock.advance(2)
    endpoint.gate.clear()
    first = asyncio.ensure_future(chain.get())
    while endpoint.calls < 2:
        await asyncio.sleep(0.001)
    assert (await chain.get()).access_key == "KEY1"
    endpoint.gate.set()
    assert (await first).access_key == "KEY2"
    assert endpoint.calls == 2


async def test_all_wait_when_it_is_late(chain: AwsCredentials, endpoint: Endpoint, clock: FakeClock) -> None:
    """LATE_S before the end: one renewal, and everybody gets its result."""
    await chain.get()
    clock.advance(HOUR_S - LATE_S + 1)
    found = await asyncio.gather(*(chain.get() for _ in range(5)))
    assert {one.access_key for one in found} == {"KEY2"}
    assert endpoint.calls == 2


async def test_old_ones_serve_to_their_end(chain: AwsCredentials, endpoint: Endpoint, clock: FakeClock) -> None:
    """An endpoint that is down stops nobody before the expiry, and is not asked with every request."""
    await chain.get()
    endpoint.down = True
    clock.advance(HOUR_S - 300)
    for _ in range(10):
        assert (await chain.get()).access_key == "KEY1"
    assert endpoint.calls == 2
    clock.advance(301)
    with pytest.raises(CredentialsError, match="connection refused"):
        await chain.get()
    endpoint.down = False
    clock.advance(RETRY_S)
    assert (await chain.get()).access_key == "KEY4"


async def test_failure_is_remembered_for_a_while(chain: AwsCredentials, endpoint: Endpoint, clock: FakeClock) -> None:
    """Requests on a machine without credentials fail at once, with the reason."""
    endpoint.down = True
    for _ in range(3):
        with pytest.raises(CredentialsError, match="container endpoint gives no answer: connection refused"):
            await chain.get()
    assert endpoint.calls == 1
    clock.advance(RETRY_S)
    endpoint.down = False
    assert (await chain.get()).access_key == "KEY2"


async def test_short_lived_ones_are_not_renewed_with_every_request(chain: AwsCredentials, endpoint: Endpoint, clock: FakeClock) -> None:
    """Credentials that live no longer than EARLY_S are renewed at intervals."""
    endpoint.lifetime_s = 600
    for _ in range(10):
        await chain.get()
    assert endpoint.calls == 1
    clock.advance(60)
    assert (await chain.get()).access_key == "KEY2"


async def test_expired_on_arrival(chain: AwsCredentials, endpoint: Endpoint) -> None:
    """An endpoint that hands out expired ones gives none."""
    endpoint.lifetime_s = -1
    with pytest.raises(CredentialsError, match="expired"):
        await chain.get()


async def test_rejected_ones_are_looked_up_again(chain: AwsCredentials, clock: FakeClock) -> None:
    """Once AWS refuses them, but not more often than every RETRY_S."""
    first = await chain.get()
    chain.reject(first)
    assert await chain.get() == first
    clock.advance(RETRY_S)
    chain.reject(Credentials(access_key="other", secret_key="x"))
    assert await chain.get() == first
    chain.reject(first)
    assert (await chain.get()).access_key == "KEY2"


async def test_a_waiter_that_leaves_harms_nobody(chain: AwsCredentials, endpoint: Endpoint) -> None:
    """The one who was asking is cancelled: the next asks."""
    endpoint.gate.clear()
    first, second = asyncio.ensure_future(chain.get()), asyncio.ensure_future(chain.get())
    while not endpoint.calls:
        await asyncio.sleep(0.001)
    first.cancel()
    endpoint.gate.set()
    assert (await second).access_key == "KEY2"


async def test_fetch_over_a_transport() -> None:
    """Status and body of a real exchange."""

    async def handle(call: Call) -> None:
        await call.answer(418, call.body + call.headers["x-a"].encode())

    async with Upstream() as server:
        server.on(handle)
        transport = Http1Transport()
        assert await TransportFetch(transport)("POST", server.url, ((b"x-a", b"1"),), b"body", 5.0) == (418, b"body1")
        await transport.aclose()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "no url"])
async def test_fetch_without_an_answer(url: str) -> None:
    """Whatever the transport raises is an OSError."""
    transport = Http1Transport()
    with pytest.raises(OSError):
        await TransportFetch(transport)("GET", url, (), b"", 5.0)
    await transport.aclose()


async def test_fetch_gives_up_in_time() -> None:
    """A server that says nothing is left."""

    async def silent(call: Any) -> None:
        await asyncio.Event().wait()

    async with Upstream() as server:
        server.on(silent)
        transport = Http1Transport()
        with pytest.raises(OSError):
            await TransportFetch(transport)("GET", server.url, (), b"", 0.05)
        await transport.aclose()


@pytest.mark.parametrize(("value", "token"), [(" bedrock-api-key-x ", "bedrock-api-key-x"), ("", None), (" ", None), (None, None)])
def test_bearer_token(value: str | None, token: str | None) -> None:
    """Bedrock's API key, where there is one."""
    assert bedrock_bearer_token({} if value is None else {"AWS_BEARER_TOKEN_BEDROCK": value}) == token
