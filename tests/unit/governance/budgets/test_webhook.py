"""Events on their way to a URL."""

import asyncio
import hashlib
import hmac
import logging

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.governance.budgets.webhook import MAX_WAITING, Webhook, signature
from proxy.transport.scripted import Reply, ScriptedTransport
from tests.support.eventually import eventually

EVENT = {"type": "budget.warning", "id": "1"}


def webhook(*replies: Reply, tries: int = 2) -> tuple[Webhook, ScriptedTransport, TaskSupervisor]:
    transport, tasks = ScriptedTransport(replies), TaskSupervisor()
    hook = Webhook("https://x/hook", "secret", transport=transport, tasks=tasks, unix=lambda: 5.0, delays_s=(0.0,) * tries)
    return hook, transport, tasks


async def test_it_is_signed_and_tried_until_it_is_taken() -> None:
    """A refusal, a broken connection, then an answer."""
    hook, transport, _ = webhook(Reply(status=500), Reply(fail="connect"), Reply(status=204))
    hook.tell(EVENT)
    await eventually(lambda: hook.waiting == 0)
    assert len(transport.requests) == 3
    request = transport.requests[-1]
    expected = hmac.new(b"secret", b"5." + request.body, hashlib.sha256).hexdigest()
    assert dict(request.headers)[b"x-llm-edge-signature"] == f"t=5,v1={expected}".encode() == signature(b"secret", request.body, 5)


async def test_what_nobody_takes_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """After the last try; an answer that breaks off is none."""
    hook, _, _ = webhook(Reply(status=500), Reply(fail="body"), Reply(status=404))
    with caplog.at_level(logging.ERROR, "llm_edge"):
        hook.tell(EVENT)
        await eventually(lambda: hook.waiting == 0)
    assert [(r.message, r.__dict__["error"]) for r in caplog.records] == [
        ("a budget event was not delivered to budgets.webhook_url", "status 404")
    ]


async def test_the_queue_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """A receiver that is slow costs no memory without end."""
    hook, transport, tasks = webhook(*[Reply(head_delay_s=60)] * (MAX_WAITING + 1))
    for _ in range(MAX_WAITING + 1):
        hook.tell(EVENT)
    assert hook.waiting == MAX_WAITING
    assert "too many are waiting" in caplog.records[-1].__dict__["error"]
    await asyncio.sleep(0)
    await tasks.close()
    assert hook.waiting in (0, MAX_WAITING)
    await transport.aclose()
