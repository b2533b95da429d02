"""Active probes."""

import json

import pytest

from proxy.pipeline.probing import Probes
from proxy.routing.stats import TargetStats
from proxy.transport.base import UpstreamRequest
from proxy.transport.scripted import Reply
from tests.support.eventually import eventually
from tests.support.every_kind import MODELS, every_kind
from tests.support.gateway import running
from tests.support.library import InProcess, in_process, json_reply
from tests.support.upstream import Upstream, chat, failing

ERROR = {"error": {"message": "no"}}
TARGET = "mine/gpt-4o-mini"


class Counted:
    def __init__(self) -> None:
        self.results: list[str] = []

    def inc(self, family: str, *labels: str) -> None:
        assert (family, labels[0]) == ("llm_edge_probes_total", "mine")
        self.results.append(labels[1])


def opened(edge: InProcess, *, until_s: float = 60.0) -> TargetStats:
    """Its breaker, as another process would."""
    pipe = edge.gateway.state.pipeline
    stats, now = pipe.health.stats(TARGET), pipe.clock.monotonic()
    stats.breaker.open_until(now + until_s, now)
    stats.blocked = True
    return stats


async def asked(edge: InProcess, stats: TargetStats, counted: Counted, *, timeout_s: float = 5.0) -> None:
    """One round, to its end."""
    Probes(lambda: edge.gateway.state.pipeline, counted).ask_all(timeout_s)
    await eventually(lambda: bool(counted.results))
    assert stats.in_flight == 0


async def test_a_probe_is_a_chat_of_one_token() -> None:
    """In the provider's dialect, with its key, for the target's model."""
    async with in_process(json_reply(chat())) as edge:
        stats, counted = opened(edge), Counted()
        await asked(edge, stats, counted)
        (sent,) = edge.sent
        body = json.loads(sent.body)
        assert (body["model"], body["max_tokens"], [m["role"] for m in body["messages"]]) == ("gpt-4o-mini", 1, ["user"])
        assert not body.get("stream")
        assert any(name.lower() == b"authorization" for name, _ in sent.headers)
        assert counted.results == ["ok"]
        assert (stats.breaker.state, stats.breaker.successes) == ("half_open", 1)
        assert stats.whole.value is None


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (json_reply(ERROR, 500), "failed"),
        (json_reply({"hello": 1}), "failed"),
        (Reply(fail="connect"), "failed"),
        (Reply(fail="body", chunks=(b"{",)), "failed"),
        (json_reply(ERROR, 400), "client"),
        (json_reply(ERROR, 429), "throttled"),
    ],
)
async def test_what_an_answer_says(reply: Reply, result: str) -> None:
    """A failure begins the wait anew, anything else leaves the breaker as it is."""
    async with in_process(reply) as edge:
        stats, counted = opened(edge, until_s=5.0), Counted()
        before = stats.breaker.until
        await asked(edge, stats, counted)
        assert counted.results == [result]
        assert stats.breaker.state == "open"
        assert (stats.breaker.until > before + 20) == (result == "failed")


async def test_half_open_it_is_the_probe() -> None:
    """It has the ticket: nobody else is let through meanwhile, and what it says counts as any probe's."""
    async with in_process(json_reply(ERROR, 500)) as edge:
        stats, counted = opened(edge, until_s=0.0), Counted()
        Probes(lambda: edge.gateway.state.pipeline, counted).ask_all(5.0)
        await eventually(lambda: bool(counted.results))
        assert (stats.breaker.state, stats.breaker.probe) == ("open", 0)


async def test_one_that_takes_too_long_has_failed() -> None:
    """After `timeout_s`."""
    async with in_process(Reply(head_delay_s=30.0)) as edge:
        stats, counted = opened(edge, until_s=5.0), Counted()
        await asked(edge, stats, counted, timeout_s=0.05)
        assert counted.results == ["failed"]


async def test_a_provider_that_is_gone_is_not_asked() -> None:
    """A reload took it away; its targets are still known."""
    async with in_process(json_reply(chat())) as edge:
        pipe = edge.gateway.state.pipeline
        stats = pipe.health.stats("gone/m")
        stats.blocked = stats.breaker.open_until(1e12, 0.0)
        Probes(lambda: pipe, Counted()).ask_all(5.0)
        assert edge.sent == []


async def test_who_is_not_asked() -> None:
    """Who is well, who is drained, who is being asked already, by a request or by a probe."""

    def never(request: UpstreamRequest) -> Reply:
        return Reply(head_delay_s=0.2, chunks=(json.dumps(chat()).encode(),))

    async with in_process(never) as edge:
        pipe = edge.gateway.state.pipeline
        stats, counted = opened(edge), Counted()
        probes = Probes(lambda: pipe, counted)
        probes.ask_all(5.0)
        probes.ask_all(5.0)
        await eventually(lambda: bool(counted.results))
        assert len(edge.sent) == 1
        pipe.health.drain(stats, True, 0.0)
        probes.ask_all(5.0)
        pipe.health.drain(stats, False, 0.0)
        ticket = pipe.health.started(stats, pipe.clock.monotonic())
        assert ticket
        probes.ask_all(5.0)
        assert len(edge.sent) == 1
        stats.breaker.close(pipe.clock.monotonic())
        probes.ask_all(5.0)
        assert len(edge.sent) == 1


async def test_rounds_begin_anew_with_a_configuration() -> None:
    """And end where it wants none."""
    async with in_process(json_reply(chat())) as edge:
        tasks, probes = edge.gateway.state.tasks, Probes(lambda: edge.gateway.state.pipeline, Counted())
        for every_s, running_ in ((60.0, 1), (30.0, 1), (None, 0), (None, 0)):
            probes.restart(tasks, every_s, 5.0)
            await eventually(lambda wanted=running_: tasks.names().count("probes") == wanted)  # type: ignore[misc]


async def test_each_kind_is_asked_in_its_own_dialect() -> None:
    """At the door where it generates, with the least that it can be asked for."""
    async with Upstream() as upstream, running(every_kind(upstream.url)) as edge:
        upstream.on(failing(500))
        pipe, counted = edge.gateway.state.pipeline, AnyCounted()
        kinds = [name for name in MODELS if name != "echo"]
        for name in kinds:
            stats = pipe.health.stats(f"{name}/{MODELS[name]}")
            stats.blocked = stats.breaker.open_until(1e12, 0.0)
        Probes(lambda: pipe, counted).ask_all(5.0)
        await eventually(lambda: len(counted.results) == len(kinds))
        assert set(counted.results.values()) == {"failed"}
        asked = {call.path.partition("?")[0]: call.json for call in upstream.calls}
        assert set(asked) == {
            "/v1/chat/completions",
            "/v1/messages",
            "/model/eu.anthropic.claude-up-v1%3A0/converse",
            "/v1beta/models/gemini-up:generateContent",
        }
        assert asked["/v1/messages"]["max_tokens"] == 1
        assert asked["/model/eu.anthropic.claude-up-v1%3A0/converse"]["inferenceConfig"] == {"maxTokens": 1}
        assert asked["/v1beta/models/gemini-up:generateContent"]["generationConfig"] == {"maxOutputTokens": 1}


class AnyCounted:
    def __init__(self) -> None:
        self.results: dict[str, str] = {}

    def inc(self, family: str, *labels: str) -> None:
        self.results[labels[0]] = labels[1]
