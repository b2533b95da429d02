"""The call that a request makes itself: an entry's only target is tried before there are attempts, and nothing of it is another's way.
Tries of every other kind: tests/contract/test_contract_c_*.py."""

from typing import Any

import pytest

from proxy.settings import Settings
from tests.support.library import in_process, json_reply, one_provider
from tests.support.upstream import chat

ERROR = {"error": {"message": "no", "type": None, "code": None}}
SOLE: dict[str, Any] = {"m": {"targets": [{"provider": "mine", "model": "a"}]}}


def config(**retries: Any) -> Settings:
    return one_provider(models=SOLE, routing={"retries": {"backoff_base_s": 0.001, **retries}}, cache={"enabled": False})


async def test_a_sole_target_that_fails_is_tried_again() -> None:
    """As often as the attempts say; the first try is one of them."""
    async with in_process(json_reply(ERROR, 500), json_reply(ERROR, 500), json_reply(chat("yes")), config=config(attempts=3)) as edge:
        answer = await edge.chat(model="m")
        assert (answer.status_code, answer.headers["x-llm-edge-attempts"]) == (200, "3")
    async with in_process(*[json_reply(ERROR, 500)] * 3, config=config(attempts=2)) as edge:
        answer = await edge.chat(model="m")
        assert (answer.status_code, answer.headers["x-llm-edge-attempts"], len(edge.sent)) == (500, "2", 2)


async def test_a_final_failure_of_a_sole_target_is_the_clients() -> None:
    """There is nobody else to ask."""
    async with in_process(json_reply(ERROR, 400), config=config(attempts=3)) as edge:
        answer = await edge.chat(model="m")
        assert (answer.status_code, len(edge.sent)) == (400, 1)


@pytest.mark.parametrize("drained", [False, True])
async def test_a_sole_target_that_rests_is_not_tried(drained: bool) -> None:
    """What bars a target bars it here, too."""
    async with in_process(json_reply(chat("yes")), config=config(attempts=3)) as edge:
        health = edge.gateway.state.pipeline.health
        health.drain(health.stats("mine/a"), drained, 0.0)
        answer = await edge.chat(model="m")
        assert (answer.status_code, len(edge.sent)) == ((503, 0) if drained else (200, 1))


async def test_a_sole_targets_requests_count_for_the_retry_budget() -> None:
    """Whether attempts were made or not: once each."""
    async with in_process(
        *[json_reply(chat("yes"))] * 2, json_reply(ERROR, 500), json_reply(chat("yes")), config=config(attempts=2)
    ) as edge:
        budget = edge.gateway.state.pipeline.routes.resolve("m").budget
        for _ in range(3):
            assert (await edge.chat(model="m")).status_code == 200
        assert budget._requests + sum(requests for requests, _ in budget._past) == 3
