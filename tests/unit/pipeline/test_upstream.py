"""One try on the wire."""

from typing import Any

import httpx2
import msgspec
import pytest

from proxy.codecs.base import InvalidBody
from proxy.pipeline.upstream import broken_answer, transport_error
from proxy.providers.http import HttpProvider
from proxy.providers.key_pool import KeyPool
from proxy.providers.openai_compatible import OpenAICompatible
from proxy.transport.base import Header, Phase, TransportError, UpstreamRequest
from proxy.transport.scripted import Reply, ScriptedTransport
from tests.support.gateway import chat_body
from tests.support.library import InProcess, in_process, json_reply, one_provider, stream_reply
from tests.support.upstream import chat, chat_stream

ONE_TRY = {"routing": {"retries": {"attempts": 1}}}


@pytest.mark.parametrize(
    ("phase", "timeout", "status", "says"),
    [
        ("connect", False, 502, "could not be reached (connect)"),
        ("tls", False, 502, "could not be reached (tls)"),
        ("headers", False, 502, "failed (headers)"),
        ("body", False, 502, "failed (body)"),
        ("connect", True, 504, "timed out (connect)"),
        ("headers", True, 504, "timed out (headers)"),
    ],
)
def test_the_client_learns_the_phase_and_not_our_addresses(phase: Phase, timeout: bool, status: int, says: str) -> None:
    """The rest is for the log."""
    error = transport_error("mine", TransportError("10.1.2.3:443 refused", phase=phase, sent=False, timeout=timeout))
    assert (error.status, error.retryable) == (status, True)
    assert says in error.message
    assert "10.1.2.3" not in error.message


def test_a_broken_answer_says_where_it_breaks() -> None:
    """The path is the provider's, so that somebody can look."""
    assert "at choices[0]: no" in broken_answer("mine", InvalidBody("no", "choices[0]")).message
    assert " at " not in broken_answer("mine", InvalidBody("no")).message


@pytest.mark.parametrize("stream", [False, True])
async def test_limits_fit_the_kind_of_answer(stream: bool) -> None:
    """The first token and the gaps bind streams only."""
    config = one_provider(routing={"timeouts": {"first_token_s": 3, "between_chunks_s": 4, "connect_s": 2}}, server={"max_response_mb": 1})
    async with in_process(stream_reply(chat_stream("a")) if stream else json_reply(chat()), config=config) as edge:
        assert (await edge.chat(stream=stream)).status_code == 200
        sent = edge.sent[0]
        assert (sent.timeouts.connect_s, sent.max_response_bytes) == (2, 1024 * 1024)
        assert (sent.timeouts.headers_s, sent.timeouts.between_bytes_s) == ((3, 4) if stream else (None, None))


async def test_the_targets_own_name_is_sent() -> None:
    """Whatever the client calls the model; every other field as it came."""
    config = one_provider(models={"nice": {"targets": [{"provider": "mine", "model": "real-1"}]}})
    async with in_process(json_reply(chat()), config=config) as edge:
        await edge.chat(model="nice", novel={"x": [1]})
        assert msgspec.json.decode(edge.sent[0].body) == chat_body(model="real-1", novel={"x": [1]})


async def test_the_providers_request_id_is_passed_on() -> None:
    """Cut, and by either name."""
    for name in (b"x-request-id", b"request-id"):
        async with in_process(json_reply(chat(), headers=((name, b"r" * 300),))) as edge:
            assert (await edge.chat()).headers["x-llm-edge-provider-request-id"] == "r" * 200


class Picky(HttpProvider):
    """Can't be given `top_k` and `user`."""

    dialect = "openai_chat"
    paths = {"openai_chat": "/chat/completions"}

    def amend(self, body: dict[str, Any], dialect: str) -> tuple[str, ...] | None:
        return tuple(name for name in ("top_k", "user") if body.pop(name, None) is not None)


@pytest.mark.parametrize("translated", [False, True])
async def test_what_a_provider_cannot_be_given_is_reported(translated: bool) -> None:
    """Beside what the translation lost; strict clients get 422 instead."""
    transport = ScriptedTransport(lambda _: json_reply(chat()))
    picky = Picky("mine", base_url="http://upstream.test/v1", keys=KeyPool([]), transport=transport)
    async with in_process(config=one_provider(cache={"enabled": False}), providers={"mine": picky}) as edge:

        async def send(headers: dict[str, str]) -> httpx2.Response:
            if translated:
                body = {**chat_body(), "max_tokens": 5, "metadata": {"user_id": "u"}, "top_k": 3}
                return await edge.client.post("/v1/messages", json=body, headers=headers)
            return await edge.chat(headers=headers, top_k=3, user="u")

        answer = await send({})
        assert answer.status_code == 200
        assert answer.headers["x-llm-edge-dropped"].split(",") == ["top_k", "user"]
        assert not {"top_k", "user"} & set(msgspec.json.decode(transport.requests[0].body))
        assert (await send({"x-llm-edge-strict": "true"})).status_code == 422
        assert len(transport.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 304])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """A provider is where the configuration says."""
    async with in_process(Reply(status=status, headers=((b"location", b"http://evil.test/"),)), config=one_provider(**ONE_TRY)) as edge:
        answer = await edge.chat()
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
        assert len(edge.sent) == 1


@pytest.mark.parametrize("phase", ["connect", "headers"])
async def test_a_failed_try_is_a_try(phase: Phase) -> None:
    """Whether or not it reached the wire; nothing stays claimed."""
    async with in_process(Reply(fail=phase), config=one_provider(**ONE_TRY)) as edge:
        answer = await edge.chat()
        assert (answer.status_code, answer.headers["x-llm-edge-attempts"]) == (502, "1")
        assert edge.gateway.state.in_flight.requests == 0


async def test_an_error_body_that_breaks_off_is_a_failed_connection() -> None:
    """Not an empty message with the provider's status."""
    async with in_process(Reply(status=500, chunks=(b'{"err',), fail="body"), config=one_provider(**ONE_TRY)) as edge:
        answer = await edge.chat()
        assert (answer.status_code, answer.json()["error"]["message"]) == (502, "the connection to mine failed (body)")


def pool(
    *keys: str, refused: frozenset[str], status: int, headers: tuple[Header, ...] = (), **error: Any
) -> tuple[OpenAICompatible, list[str]]:
    """A provider with several keys, some of which the upstream refuses; and the keys used."""
    used: list[str] = []

    def answer(request: UpstreamRequest) -> Reply:
        key = dict(request.headers)[b"authorization"].removeprefix(b"Bearer ").decode()
        used.append(key)
        return json_reply({"error": {"message": f"no {status}", **error}}, status, headers) if key in refused else json_reply(chat())

    return OpenAICompatible("mine", base_url="http://up.test/v1", keys=KeyPool(list(keys)), transport=ScriptedTransport(answer)), used


@pytest.mark.parametrize("status", [401, 402, 403, 429])
async def test_a_refused_member_of_a_pool_gives_way(status: int) -> None:
    """Within the same request, and it rests for the next ones."""
    provider, used = pool("k1", "k2", refused=frozenset({"k1"}), status=status)
    async with in_process(providers={"mine": provider}) as edge:
        for n in range(8):
            assert (await edge.chat(str(n))).status_code == 200
    assert used.count("k1") <= 1


async def test_a_pool_without_a_free_member_passes_the_refusal_on() -> None:
    """With the provider's own status."""
    provider, used = pool("k1", "k2", refused=frozenset({"k1", "k2"}), status=401)
    async with in_process(providers={"mine": provider}) as edge:
        answer = await edge.chat()
        assert (answer.status_code, answer.json()["error"]["message"]) == (401, "no 401")
        assert sorted(used) == ["k1", "k2"]


def rests(edge: InProcess, *scopes: str) -> list[bool]:
    """Which of the scopes have a key that rests."""
    return [bool(edge.gateway.state.pipeline.health.key_rests(scope)) for scope in scopes]


@pytest.mark.parametrize(
    ("status", "error", "everywhere"),
    [(401, {}, True), (402, {}, True), (403, {}, False), (429, {}, False), (429, {"code": "insufficient_quota"}, True)],
)
async def test_how_far_a_refusal_of_a_key_reaches(status: int, error: dict[str, Any], everywhere: bool) -> None:
    """The account's reaches all models, a permission's or a rate limit's one; the target itself is well either way."""
    provider, used = pool("k1", "k2", refused=frozenset({"k1"}), status=status, **error)
    async with in_process(providers={"mine": provider}) as edge:
        for n in range(8):
            assert (await edge.chat(str(n))).status_code == 200
        assert used.count("k1") == 1
        assert rests(edge, "mine", "mine/gpt-4o-mini") == [everywhere, not everywhere]
        stats = edge.gateway.state.pipeline.health.stats("mine/gpt-4o-mini")
        assert (stats.blocked, stats.throttled, stats.success_rate(0.0)) == (False, 0, 1.0)


async def test_a_pool_rests_until_its_first_key_is_free() -> None:
    """Not for as long as the last one named."""
    waits = iter([b"20", b"300"])
    provider = OpenAICompatible(
        "mine",
        base_url="http://up.test/v1",
        keys=KeyPool(["k1", "k2"]),
        transport=ScriptedTransport(lambda _: json_reply({"error": {"message": "no"}}, 429, ((b"retry-after", next(waits)),))),
    )
    async with in_process(providers={"mine": provider}) as edge:
        assert (await edge.chat()).headers["retry-after"] == "300"
        again = await edge.chat()
        assert (again.status_code, again.json()["error"]["code"]) == (429, "provider_cooling_down")
        assert 18 <= int(again.headers["retry-after"]) <= 20


LEFT = ((b"x-ratelimit-limit-tokens", b"1000"), (b"x-ratelimit-remaining-tokens", b"5"), (b"x-ratelimit-reset-tokens", b"1m"))


async def test_what_is_left_of_a_quota_is_noted() -> None:
    """Below the reserve others go first; the setting says what is too little."""
    for reserve, away in ((0.02, "quota nearly used up"), (0.001, None)):
        config = one_provider(routing={"quota_reserve": reserve})
        async with in_process(json_reply(chat(), headers=LEFT), config=config) as edge:
            await edge.chat()
            stats = edge.gateway.state.pipeline.health.stats("mine/gpt-4o-mini")
            now = edge.gateway.state.clock.monotonic()
            assert (stats.quota_left, stats.rest(now), stats.barred(now)) == (0.005, away, None)


async def test_a_member_whose_quota_runs_out_rests_before_the_target_does() -> None:
    """The target is away only with its last key, and until the first is free."""
    transport = ScriptedTransport(lambda _: json_reply(chat(), headers=LEFT))
    provider = OpenAICompatible("mine", base_url="http://up.test/v1", keys=KeyPool(["k1", "k2"]), transport=transport)
    async with in_process(providers={"mine": provider}, config=one_provider(cache={"enabled": False})) as edge:
        stats, clock = edge.gateway.state.pipeline.health.stats("mine/gpt-4o-mini"), edge.gateway.state.clock
        await edge.chat()
        assert stats.rest(clock.monotonic()) is None
        await edge.chat()
        assert stats.rest(clock.monotonic()) == "quota nearly used up"
        assert 55 < stats.away_until - clock.monotonic() < 60
        assert len({dict(sent.headers)[b"authorization"] for sent in transport.requests}) == 2
