"""Contract C: fallbacks over entries are attempts like all others, and what served is told truthfully, in every dialect family."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.codecs.eventstream import exception_frame
from tests.support.access_log import Books
from tests.support.doors import DOORS
from tests.support.every_kind import every_kind
from tests.support.gateway import ADMIN_KEY, Running, running, settings
from tests.support.provider_errors import SAMPLES, Sample
from tests.support.upstream import Call, Handler, Upstream, chat, failing, json_answer, stream_answer

OFF = {"enabled": False}
ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


def by_model(**handlers: Handler) -> Handler:
    """One script for each model that is asked for."""

    async def handle(call: Call) -> None:
        await handlers[call.json["model"]](call)

    return handle


def entries(url: str, *, attempts: int = 3, **models: dict[str, Any]) -> dict[str, Any]:
    """Each model is one target of its own name; `models` adds to it."""
    provider = {"kind": "openai", "base_url": f"{url}/v1", "api_keys": ["sk-x-1234567890"]}
    return {
        "providers": {"p": provider},
        "routing": {"retries": {"attempts": attempts, "backoff_base_s": 0.001}, "breaker": OFF},
        "models": {name: {"targets": [{"provider": "p", "model": name}], **more} for name, more in models.items()},
    }


def asked_for(upstream: Upstream) -> list[str]:
    return [call.json["model"] for call in upstream.calls]


def told(sample: Sample) -> Handler:
    async def handle(call: Call) -> None:
        await call.answer(sample.status, sample.body, dict(sample.headers))

    return handle


def good(name: str) -> Handler:
    return json_answer(chat(f"from {name}", model=name))


@pytest.mark.parametrize("stream", [False, True])
async def test_another_entry_answers_and_is_named(upstream: Upstream, stream: bool) -> None:
    """In the body, the headers, the log and the metrics: what was asked, and what served."""
    events = [
        b'data: {"id":"c","model":"b","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n',
        b"data: [DONE]\n\n",
    ]
    upstream.on(by_model(a=failing(500), b=stream_answer(events) if stream else good("b")))
    books = Books()
    async with running(settings(**entries(upstream.url, a={"fallbacks": ["b"]}, b={})), access_log=books.log) as edge:
        answer = await edge.chat(model="a", stream=stream)
        (line,) = await books.lines(edge)
        text = (await edge.client.get("/metrics")).text
    assert answer.status_code == 200
    assert '"model":"b"' in answer.text.replace(" ", "")
    assert (answer.headers["x-llm-edge-model"], answer.headers["x-llm-edge-attempts"]) == ("b", "2")
    assert (line["model"], line["served_model"]) == ("a", "b")
    assert [(one["model"], one["role"], one["failure"], one.get("entry")) for one in line["tries"]] == [
        ("a", "primary", "server_error", None),
        ("b", "fallback", None, "b"),
    ]
    assert 'llm_edge_entry_fallbacks_total{failure="server_error",from="a",to="b"} 1.0' in text
    assert asked_for(upstream) == ["a", "b"]


@pytest.mark.parametrize("attempts", [1, 2, 3, 4, 5])
async def test_the_asked_entrys_attempts_bound_all(upstream: Upstream, attempts: int) -> None:
    """The own target, those behind it, those behind these, and again; a name that is listed twice is asked once a round."""
    upstream.on(failing(503))
    lists: dict[str, Any] = {"a": {"fallbacks": ["b", "c"]}, "b": {"fallbacks": ["d"]}, "c": {"fallbacks": ["b"]}, "d": {}}
    async with running(settings(**entries(upstream.url, attempts=attempts, **lists))) as edge:
        answer = await edge.chat(model="a")
        assert (answer.status_code, answer.headers["x-llm-edge-attempts"]) == (503, str(attempts))
    assert asked_for(upstream) == ["a", "b", "c", "d", "a"][:attempts]


async def test_the_targets_of_an_entry_come_in_the_order_of_its_strategy(upstream: Upstream) -> None:
    """Not of the asked one's."""
    upstream.on(failing(500))
    config = entries(upstream.url, a={"fallbacks": ["b"]}, b={"strategy": "failover"})
    config["models"]["b"]["targets"] = [
        {"provider": "p", "model": "second", "priority": 1},
        {"provider": "p", "model": "first", "priority": 1},
    ]
    async with running(settings(**config)) as edge:
        await edge.chat(model="a")
    assert asked_for(upstream) == ["a", "second", "first"]


@pytest.mark.parametrize("door", list(DOORS))
@pytest.mark.parametrize("stream", [False, True])
async def test_long_prompts_and_refused_content_go_to_their_own_lists(door: str, stream: bool) -> None:
    """From a provider of each kind, for a client of each family: one failed call, one answer by another entry."""
    picked = {(s.kind, s.name): s for s in SAMPLES if s.name in ("context_length", "content_policy")}
    lists = {"context_window_fallbacks": ["long"], "content_policy_fallbacks": ["lenient"]}
    spare = {"targets": [{"provider": "echo", "model": "echo-up"}]}
    async with Upstream() as upstream:
        base = every_kind(upstream.url)
        models = {
            **{k: {**base.models[k].model_dump(exclude_unset=True), **lists} for k in ("openai", "anthropic", "bedrock", "gemini")},
            "long": spare,
            "lenient": spare,
        }
        config = every_kind(upstream.url, models=models, routing={"retries": {"attempts": 3}, "breaker": OFF})
        books = Books()
        async with running(config, access_log=books.log) as edge:
            for (kind, name), sample in picked.items():
                upstream.calls.clear()
                upstream.on(told(sample))
                path, body = DOORS[door].ask(kind, stream=stream)
                answer = await edge.client.post(path, json=body, headers={"cache-control": "no-store"})
                assert (answer.status_code, len(upstream.calls)) == (200, 1), (kind, name, answer.text)
                assert answer.headers["x-llm-edge-provider"] == "echo"
                line = (await books.lines(edge))[-1]
                assert [one["failure"] for one in line["tries"]] == [name, None]
                assert line["tries"][1]["entry"] == ("long" if name == "context_length" else "lenient")
    assert len(picked) == 7, "Gemini refuses content in an answer, not by an error"


OPENAI_EVENT = b'data: {"error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}}\n\n'
CLAUDE_EVENT = (
    b'event: error\ndata: {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8"}}\n\n'
)
AWS_FRAME = exception_frame("validationException", b'{"message": "Input is too long for requested model."}')


@pytest.mark.parametrize(("kind", "event"), [("openai", OPENAI_EVENT), ("anthropic", CLAUDE_EVENT), ("bedrock", AWS_FRAME)])
async def test_an_error_inside_a_stream_before_its_content_counts_as_well(upstream: Upstream, kind: str, event: bytes) -> None:
    """The status was 200; nothing has been shown."""
    upstream.on(stream_answer([event]))
    base = every_kind(upstream.url)
    listed = {**base.models[kind].model_dump(exclude_unset=True), "context_window_fallbacks": ["echo"]}
    config = every_kind(
        upstream.url, models={kind: listed, "echo": {"targets": [{"provider": "echo", "model": "e"}]}}, routing={"retries": {"attempts": 2}}
    )
    async with running(config) as edge:
        answer = await edge.chat(model=kind, stream=True)
    assert answer.headers["x-llm-edge-provider"] == "echo"
    assert "too long" not in answer.text
    assert len(upstream.calls) == 1


async def test_without_a_list_a_long_prompt_is_the_clients(upstream: Upstream) -> None:
    """Fallbacks for failures of other kinds are not asked: they are not known to take more."""
    upstream.on(failing(400, "too long", code="context_length_exceeded"))
    async with running(settings(**entries(upstream.url, a={"fallbacks": ["b"]}, b={}))) as edge:
        answer = await edge.chat(model="a")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert asked_for(upstream) == ["a"]


async def test_when_all_fail_the_client_gets_the_last_error(upstream: Upstream) -> None:
    """Its status, and whom it came from."""
    upstream.on(by_model(a=failing(500, "a is down"), b=failing(401, "who are you")))
    async with running(settings(**entries(upstream.url, attempts=2, a={"fallbacks": ["b"]}, b={}))) as edge:
        answer = await edge.chat(model="a")
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, "who are you")
    assert answer.headers["x-llm-edge-model"] == "b"


async def test_embeddings_fall_back_to_what_has_embeddings(upstream: Upstream) -> None:
    """Other targets of the list are passed over."""
    upstream.on(failing(500))
    config = entries(upstream.url, a={"fallbacks": ["chat-only", "echo"]})
    config["providers"] |= {
        "echo": {"kind": "echo"},
        "claude": {"kind": "anthropic", "base_url": upstream.url, "api_keys": ["sk-a-1234567890"]},
    }
    config["models"] |= {
        "chat-only": {"targets": [{"provider": "claude", "model": "c"}]},
        "echo": {"targets": [{"provider": "echo", "model": "e"}]},
    }
    async with running(settings(**config)) as edge:
        answer = await edge.client.post("/v1/embeddings", json={"model": "a", "input": "x"})
        assert (answer.status_code, answer.headers["x-llm-edge-provider"]) == (200, "echo")
    assert len(upstream.calls) == 1


async def test_what_a_provider_keeps_does_not_fall_back(upstream: Upstream) -> None:
    """The next turn of a stored answer is that provider's, or nobody's."""
    first = {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "a", "status": "completed", "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [], "output": [], "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
    }  # fmt: skip
    config = entries(upstream.url, a={"fallbacks": ["echo"]})
    config["providers"]["echo"] = {"kind": "echo"}
    config["models"]["echo"] = {"targets": [{"provider": "echo", "model": "e"}]}
    upstream.on(json_answer(first))
    async with running(settings(**config)) as edge:
        made = await edge.client.post("/v1/responses", json={"model": "a", "input": "x", "store": True})
        assert made.status_code == 200
        upstream.on(failing(500, "down"))
        follow = {"model": "a", "input": "y", "previous_response_id": made.json()["id"]}
        assert (await edge.client.post("/v1/responses", json=follow)).json()["error"]["message"] == "down"
        other = await edge.client.post("/v1/responses", json={"model": "a", "input": "z"})
        assert other.headers["x-llm-edge-provider"] == "echo"


# -- by header


async def named(edge: Running, names: str, **more: Any) -> Any:
    return await edge.chat(**{"model": "a", **more}, headers={**ADMIN, "x-llm-edge-fallbacks": names})


async def test_a_request_may_name_its_own_fallbacks(upstream: Upstream) -> None:
    """Instead of the entry's; none at all, where it names none."""
    upstream.on(by_model(a=failing(500), b=good("b"), c=failing(500), d=good("d")))
    async with running(settings(**entries(upstream.url, attempts=3, a={"fallbacks": ["b"]}, b={}, c={}, d={}))) as edge:
        assert (await named(edge, "c , d,c")).headers["x-llm-edge-model"] == "d"
        assert asked_for(upstream) == ["a", "c", "d"]
        upstream.calls.clear()
        assert (await named(edge, "", messages=[{"role": "user", "content": "x"}])).status_code == 500
        assert asked_for(upstream) == ["a", "a", "a"]


async def test_the_header_needs_the_scope(upstream: Upstream) -> None:
    """And says so, before anything is sent."""
    async with running(settings(**entries(upstream.url, a={}, b={}))) as edge:
        answer = await edge.chat(model="a", headers={"x-llm-edge-fallbacks": "b"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (403, "scope_required", "x-llm-edge-fallbacks")
    assert upstream.calls == []


@pytest.mark.parametrize(
    ("names", "words"),
    [("nobody", "does not exist here"), ("b,http://x", "not a URL"), (",".join(f"p/{n}" for n in range(11)), "10 at most")],
)
async def test_a_header_that_names_nonsense_is_a_400(upstream: Upstream, names: str, words: str) -> None:
    """Naming the header."""
    async with running(settings(**entries(upstream.url, a={}, b={}))) as edge:
        answer = await named(edge, names)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "x-llm-edge-fallbacks")
    assert words in error["message"]
    assert upstream.calls == []


async def test_answers_of_other_ways_are_not_shared(upstream: Upstream) -> None:
    """With the header, the answer is kept for requests with the same header alone."""
    upstream.on(by_model(a=failing(500), b=good("b"), c=good("c")))
    async with running(settings(**entries(upstream.url, a={"fallbacks": ["b"]}, b={}, c={}))) as edge:
        for _ in range(2):
            assert (await named(edge, "c", temperature=0)).headers["x-llm-edge-model"] == "c"
        plain = await edge.chat(model="a", temperature=0)
        assert (plain.headers["x-llm-edge-model"], plain.headers["x-llm-edge-cache"]) == ("b", "miss")
        again = await edge.chat(model="a", temperature=0)
        assert (again.headers["x-llm-edge-model"], again.headers["x-llm-edge-cache"]) == ("b", "hit")
        assert json.loads(again.text)["model"] == "b"
    assert asked_for(upstream) == ["a", "c", "a", "b"]
