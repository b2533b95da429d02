"""The way in of the Responses API."""

from typing import Any

import msgspec
import pytest

from proxy.core.context import RequestContext
from proxy.core.errors import Unsupported
from proxy.core.identity import ANONYMOUS
from proxy.core.route import RouteInfo
from proxy.pipeline.placing import ResponseNotFound
from proxy.pipeline.responses import MAX_ID_CHARS, find
from proxy.transport.scripted import ScriptedTransport
from tests.support.library import InProcess, in_process, json_reply
from tests.support.responses_upstream import response
from tests.unit.pipeline.keeping_fixture import pool


async def ask(edge: InProcess, **body: Any) -> Any:
    return await edge.client.post("/v1/responses", json={"model": "m", "input": "hi", **body})


def context() -> RequestContext:
    ctx = RequestContext(RouteInfo(name="/x", family="openai"), "t", 0.0)
    ctx.principal = ANONYMOUS
    return ctx


@pytest.mark.parametrize("value", [5, ["resp_1"], {"id": "resp_1"}, True])
async def test_an_id_is_a_text(value: Any) -> None:
    """Anything else is the client's mistake, named."""
    async with in_process() as edge:
        answer = await ask(edge, previous_response_id=value)
        assert (answer.status_code, answer.json()["error"]["param"], edge.sent) == (400, "previous_response_id", [])


async def test_an_unknown_answer_costs_no_call() -> None:
    """404 in OpenAI's words and its machine word, whatever the length."""
    async with in_process() as edge:
        for response_id in ("resp_none", "x" * (MAX_ID_CHARS + 1)):
            answer = await ask(edge, previous_response_id=response_id)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], error["param"]) == (404, "previous_response_not_found", "previous_response_id")
            assert error["message"] == f"Previous response with id '{response_id[:100]}' not found."
        assert edge.sent == []


@pytest.mark.parametrize("nothing", [None, ""])
async def test_no_id_is_none(nothing: Any) -> None:
    """Null and empty say nothing."""
    async with in_process(providers={"mine": pool(ScriptedTransport([json_reply(response("resp_1", "x"))]))}) as edge:
        assert (await ask(edge, previous_response_id=nothing)).status_code == 200


async def test_a_pipeline_without_a_store_keeps_nothing() -> None:
    """Of a library's user who built one: new answers come, others are refused."""
    async with in_process() as edge:
        pipe = msgspec.structs.replace(edge.gateway.state.pipeline, responses=None)
        with pytest.raises(Unsupported):
            await find(pipe, context(), "resp_1")


async def test_without_a_caller_nothing_is_found() -> None:
    """Fails closed."""
    async with in_process() as edge:
        ctx = context()
        ctx.principal = None
        with pytest.raises(ResponseNotFound):
            await find(edge.gateway.state.pipeline, ctx, "resp_1")
