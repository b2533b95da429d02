"""What is kept of a request's tries. Records, reasons and numbers as they come out: tests/contract/test_contract_c_every_failure.py."""

import json
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from proxy.core.context import RequestContext, Verdict
from proxy.core.errors import BadRequest, EdgeError, Forbidden, ProviderRejected, UpstreamTimeout
from proxy.core.route import RouteInfo
from proxy.pipeline.asked import Asked
from proxy.pipeline.attempts import Try
from proxy.pipeline.generate import generate
from proxy.pipeline.tries import attempts_of, concluded
from proxy.pipeline.upstream import Upstream
from proxy.routing.target import Decision
from proxy.transport.base import UpstreamRequest
from proxy.transport.scripted import Reply
from tests.support.gateway import chat_body
from tests.support.library import InProcess, in_process, json_reply, one_provider
from tests.support.upstream import chat

CHAT = RouteInfo(name="/v1/chat/completions", family="openai", dialect="openai_chat")
TARGETS = [{"provider": "mine", "model": name} for name in ("a", "b")]
CONFIG = one_provider(
    models={"m": {"targets": TARGETS, "fallbacks": ["spare"]}, "spare": {"targets": [{"provider": "mine", "model": "c"}]}},
    routing={"strategy": "failover", "retries": {"attempts": 3, "backoff_base_s": 0.001}},
)


def replies(**statuses: int) -> Callable[[UpstreamRequest], Reply]:
    """By model; 200 where none is named."""

    def reply(request: UpstreamRequest) -> Reply:
        status = statuses.get(json.loads(request.body)["model"], 200)
        return json_reply(chat() if status == 200 else {"error": {"message": "no", "type": None, "code": None}}, status)

    return reply


async def run(edge: InProcess, *, refused: str = "", denied: str = "", **body: Any) -> RequestContext:
    """`refused`: models that `top_up` refuses, by their letters; `denied`: those that `permit` does."""
    ctx = RequestContext(CHAT, "t", monotonic())
    ctx.json = chat_body(**{"model": "m", **body})
    ctx.top_up = lambda provider, model: Verdict(Forbidden(f"no money for {model}", code="no_money") if model in refused else None)
    ctx.permit = lambda provider, model: Verdict(Forbidden(f"not {model}") if model in denied else None)

    async def send(message: Any) -> None: ...

    await generate(edge.gateway.state.pipeline, ctx, send)
    return ctx


def models(edge: InProcess) -> list[str]:
    return [json.loads(request.body)["model"] for request in edge.sent]


async def test_money_is_asked_for_at_each_target() -> None:
    """One that there is none for is passed over without a try, and without a record; another entry's too."""
    async with in_process(replies(b=500), config=CONFIG) as edge:
        ctx = await run(edge, refused="a")
        assert models(edge) == ["b", "c"]
        assert [(one.model, one.role, one.entry) for one in ctx.attempts] == [("b", "primary", None), ("c", "fallback", "spare")]


async def test_with_money_for_none_the_refusal_is_the_answer() -> None:
    """The first one; nothing is sent."""
    async with in_process(replies(), config=CONFIG) as edge:
        with pytest.raises(Forbidden, match="no money for a"):
            await run(edge, refused="abc")
        assert models(edge) == []


async def test_a_failure_comes_before_a_refusal() -> None:
    """What the request is about is that its provider is down."""
    async with in_process(replies(a=500, b=500), config=CONFIG) as edge:
        with pytest.raises(ProviderRejected):
            await run(edge, refused="c")
        assert models(edge) == ["a", "b", "a"], "attempts are for those that may be used"


async def test_a_first_try_at_another_entry_is_a_fallback() -> None:
    """None of the own targets may be used."""
    async with in_process(replies(), config=CONFIG) as edge:
        ctx = await run(edge, denied="ab")
        assert [(one.model, one.role, one.entry) for one in ctx.attempts] == [("c", "fallback", "spare")]
        counted = {s.labels: s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == "llm_edge_entry_fallbacks_total"}
        assert counted == {("m", "spare", "none"): 1.0}


async def test_what_only_a_fallback_cannot_carry_is_not_the_clients_mistake() -> None:
    """It gets the failure of the target that could."""
    spare = {"targets": [{"provider": "claude", "model": "c"}]}
    config = CONFIG.model_dump(exclude_unset=True)
    config["providers"]["claude"] = {"kind": "anthropic", "base_url": "http://127.0.0.1:9", "api_keys": ["sk-a-1234567890"]}
    config["models"]["spare"] = spare
    body: dict[str, Any] = {"n": 99}
    async with in_process(replies(a=503, b=503), config=type(CONFIG).of(**config)) as edge:
        with pytest.raises(ProviderRejected) as caught:
            await run(edge, **body)
        assert caught.value.status == 503
        with pytest.raises(BadRequest):
            await run(edge, model="spare", **body)


async def test_a_decision_without_targets_says_which_list_stands_in() -> None:
    """One that has targets need not."""
    config = CONFIG.model_dump(exclude_unset=True)
    config["models"]["m"]["context_window_fallbacks"] = ["long"]
    config["models"]["long"] = {"targets": [{"provider": "mine", "model": "d"}]}
    async with in_process(replies(), config=type(CONFIG).of(**config)) as edge:
        pipe = edge.gateway.state.pipeline
        ctx = RequestContext(CHAT, "t", monotonic())
        ctx.json = chat_body(model="m")
        asked = Asked(pipe, ctx)
        for order, expected in (((), "d"), (asked.route.targets, "a")):
            step = attempts_of(pipe, asked, Decision(order, "so", instead="context_window_fallbacks"), 0.0).next(0.0)
            assert isinstance(step, Try)
            assert step.target.model == expected


@pytest.mark.parametrize(
    ("failure", "ago_s", "left_s", "outcome", "recorded"),
    [
        (None, 1.0, 5.0, "ok", None),
        (UpstreamTimeout("x"), 1.0, 5.0, "failed", "timeout"),
        (UpstreamTimeout("x"), 1.0, 0.0, "cancelled", "deadline"),
        (UpstreamTimeout("x"), 595.0, 0.0, "failed", "timeout"),
        (BadRequest("x"), 1.0, 5.0, "client", "invalid_request"),
    ],
)
async def test_what_a_try_counts_for(failure: EdgeError | None, ago_s: float, left_s: float, outcome: str, recorded: str | None) -> None:
    """A time-out at the end of a request's own time counts where the try had (nearly) all that is configured."""
    async with in_process(replies(), config=CONFIG) as edge:
        pipe = edge.gateway.state.pipeline
        ctx = RequestContext(CHAT, "t", monotonic())
        ctx.json = chat_body(model="m")
        asked = Asked(pipe, ctx)
        upstream = Upstream(pipe, asked, asked.route.targets[0])
        now = upstream.sent_at + ago_s
        asked.deadline = now + left_s
        assert concluded(asked, upstream, failure, now) == outcome
        assert upstream.record.failure == recorded
