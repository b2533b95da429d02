"""Active probes: targets whose breaker is not closed are asked how they are, so that no client's request has to find out.

A chat of one token in the provider's own dialect, and not its list of models: that costs nothing, but it is another service than the one
that failed. Probes are calls like others, paid by whoever owns the key; they are in nobody's usage, and off by default.

    2xx with a body of its dialect      counts as a probe that succeeded, also before the breaker's time
    failed, or over the time-out        the breaker's wait begins anew
    anything else (400, 404, 429 …)     says nothing; the next request will be the probe
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import dump_json
from proxy.core.errors import EdgeError
from proxy.core.messages import Message, TextPart
from proxy.core.request import ChatRequest
from proxy.core.tasks import TaskSupervisor
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.upstream import broken_answer, provider_error, transport_error
from proxy.providers.base import Outgoing, Provider
from proxy.providers.key_pool import Credential
from proxy.routing.failures import outcome_of
from proxy.routing.health import Outcome
from proxy.routing.stats import TargetStats
from proxy.transport.base import Timeouts, TransportError, UpstreamRequest

MAX_ANSWER = 1024 * 1024
_PING = (Message(role="user", content=(TextPart(text="ping"),)),)


class ProbeMeter(Protocol):
    def inc(self, family: str, *labels: str) -> None: ...


class Probes:
    """`pipeline`: the one in force."""

    def __init__(self, pipeline: Callable[[], Pipeline], meter: ProbeMeter) -> None:
        self._pipeline = pipeline
        self._meter = meter
        self._running: set[str] = set()
        self._rounds: asyncio.Task[None] | None = None

    def restart(self, tasks: TaskSupervisor, every_s: float | None, timeout_s: float) -> None:
        """With another configuration; `every_s` None: no more rounds."""
        if self._rounds is not None:
            self._rounds.cancel()
        self._rounds = None if every_s is None else tasks.start(self.run(every_s, timeout_s), name="probes", endless=True)

    async def run(self, every_s: float, timeout_s: float) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            self.ask_all(timeout_s)

    def ask_all(self, timeout_s: float) -> None:
        """Starts a probe of each target that needs one and has none under way."""
        pipe = self._pipeline()
        for stats in pipe.health.all():
            provider = pipe.providers.get(stats.id.partition("/")[0])
            breaker = stats.breaker
            if provider is None or breaker.state == "closed" or breaker.probe or stats.drained or stats.id in self._running:
                continue
            self._running.add(stats.id)
            pipe.tasks.start(self._probe(pipe, provider, stats, timeout_s), name=f"probe:{stats.id}")

    async def _probe(self, pipe: Pipeline, provider: Provider, stats: TargetStats, timeout_s: float) -> None:
        health, began = pipe.health, monotonic()
        ticket = health.started(stats, began)
        outcome: Outcome = "cancelled"
        error: EdgeError | None = None
        try:
            async with asyncio.timeout(timeout_s):
                error = await _asked(pipe, provider, stats.id.partition("/")[2], timeout_s)
            outcome = outcome_of(error)
        except TimeoutError:
            outcome = "failed"
        finally:
            now = monotonic()
            self._running.discard(stats.id)
            if not ticket:
                health.probed(stats, now, outcome)
            retry_after_s = error.retry_after_s if error is not None else None
            health.ended(stats, now, outcome, began=began, ticket=ticket, timed=False, retry_after_s=retry_after_s)
            self._meter.inc("llm_edge_probes_total", provider.name, outcome)


async def _asked(pipe: Pipeline, provider: Provider, model: str, timeout_s: float) -> EdgeError | None:
    """One call; what came of it."""
    codec = pipe.codecs[provider.dialect]
    now = monotonic()
    key = provider.keys.choose(b"probe", now, pipe.health.key_rests(f"{provider.name}/{model}", provider.name))
    try:
        response = await provider.transport.send(_request(pipe, provider, model, key, now + timeout_s))
    except EdgeError as exc:
        return exc
    except TransportError as exc:
        return transport_error(provider.name, exc)
    try:
        if not 200 <= response.status < 300:
            return await provider_error(provider, key, codec, response)
        codec.decode_response(await response.read())
    except TransportError as exc:
        return transport_error(provider.name, exc)
    except InvalidBody as exc:
        return broken_answer(provider.name, exc)
    finally:
        response.close()
    return None


def _request(pipe: Pipeline, provider: Provider, model: str, key: Credential, deadline: float) -> UpstreamRequest:
    codec = pipe.codecs[provider.dialect]
    body = codec.encode_request(ChatRequest(dialect="openai_chat", model=model, messages=_PING, max_tokens=1)).body
    provider.amend(body, codec.name)
    call = Outgoing(
        model=model,
        dialect=codec.name,
        body=dump_json(body),
        stream=False,
        headers={},
        query=b"",
        timeouts=Timeouts(deadline=deadline),
        max_response_bytes=MAX_ANSWER,
    )
    return provider.request(call, key)
