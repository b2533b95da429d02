"""Which targets of other entries a request may fall back to. On the wire: tests/contract/test_contract_[cd]_fallbacks.py."""

from time import monotonic
from typing import Any

import pytest

from proxy.core.context import RequestContext
from proxy.core.errors import BadRequest, Forbidden
from proxy.core.identity import Principal
from proxy.core.route import RouteInfo
from proxy.pipeline.asked import Asked
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.fallbacks import MAX_ENTRIES, Fallbacks, may_read, overridden, routes_behind
from proxy.settings import Settings
from tests.support.gateway import chat_body, settings
from tests.support.library import in_process

CHAT = RouteInfo(name="/v1/chat/completions", family="openai", dialect="openai_chat")


def config(**models: dict[str, Any]) -> Settings:
    provider = {"kind": "openai_compatible", "base_url": "http://upstream.test/v1"}
    return settings(
        providers={"mine": provider},
        models={name: {"targets": [{"provider": "mine", "model": name}], **more} for name, more in models.items()},
    )


def asked(pipe: Pipeline, model: str = "a", principal: Principal | None = None, **headers: str) -> Asked:
    ctx = RequestContext(CHAT, "t", monotonic())
    ctx.json, ctx.principal = chat_body(model=model), principal
    ctx.headers = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Asked(pipe, ctx)


def who(*models: str, scopes: tuple[str, ...] = ()) -> Principal:
    return Principal(key_id="k", tenant="t", models=frozenset(models) if models else None, scopes=frozenset(scopes))


async def test_entries_come_breadth_first_and_each_once() -> None:
    """What the asked entry names, then what these name."""
    lists: dict[str, Any] = {"a": {"fallbacks": ["b", "c"]}, "b": {"fallbacks": ["d"]}, "c": {"fallbacks": ["b"]}, "d": {}}
    async with in_process(config=config(**lists)) as edge:
        pipe = edge.gateway.state.pipeline
        found = Fallbacks(pipe, asked(pipe), 0.0)("fallbacks")
        assert [target.model for target in found] == ["b", "c", "d"]


async def test_a_circle_that_a_header_makes_ends() -> None:
    """The configuration can hold none; an entry that has been there is passed over."""
    async with in_process(config=config(a={}, b={"fallbacks": ["a"]})) as edge:
        pipe = edge.gateway.state.pipeline
        request = asked(pipe, principal=who(scopes=("routing",)), x_llm_edge_fallbacks="b")
        assert [target.model for target in Fallbacks(pipe, request, 0.0)("fallbacks")] == ["b"]


async def test_the_depth_is_bounded() -> None:
    """However long the chain."""
    chain: dict[str, Any] = {f"m{n}": {"fallbacks": [f"m{n + 1}"]} for n in range(30)} | {"m30": {}}
    async with in_process(config=config(**chain)) as edge:
        pipe = edge.gateway.state.pipeline
        behind = routes_behind(pipe, asked(pipe, "m0"), "fallbacks")
        assert [name for name, _ in behind] == [f"m{n}" for n in range(1, MAX_ENTRIES + 1)]


async def test_each_list_is_its_own() -> None:
    """Also further down."""
    lists: dict[str, Any] = {
        "a": {"fallbacks": ["b"], "context_window_fallbacks": ["c"], "content_policy_fallbacks": ["d"]},
        "b": {},
        "c": {"fallbacks": ["b"], "context_window_fallbacks": ["e"]},
        "d": {},
        "e": {},
    }
    async with in_process(config=config(**lists)) as edge:
        pipe = edge.gateway.state.pipeline
        fallbacks = Fallbacks(pipe, asked(pipe), 0.0)
        assert [t.model for t in fallbacks("fallbacks")] == ["b"]
        assert [t.model for t in fallbacks("context_window_fallbacks")] == ["c", "e"]
        assert [t.model for t in fallbacks("content_policy_fallbacks")] == ["d"]
        assert fallbacks.entries["mine/e"] == ("e", "e")


async def test_a_target_is_judged_by_the_name_that_leads_to_it() -> None:
    """A pattern by the name that is listed, as if it had been asked for; labels get the pattern."""
    lists: dict[str, Any] = {"a": {"fallbacks": ["gpt-9", "b"]}, "gpt-*": {}, "b": {}}
    async with in_process(config=config(**lists)) as edge:
        pipe = edge.gateway.state.pipeline
        fallbacks = Fallbacks(pipe, asked(pipe, principal=who("a", "gpt-9")), 0.0)
        (target,) = fallbacks("fallbacks")
        assert fallbacks.entries == {target.id: ("gpt-9", "gpt-*")}


@pytest.mark.parametrize(
    ("listed", "model", "may"),
    [
        ((), "b", True),
        (("a",), "a", True),
        (("a",), "b", False),
        (("a", "b"), "b", True),
        (("a", "mine/b"), "b", True),
        (("a", "b"), "x", False),
    ],
)
async def test_whose_answers_may_be_read(listed: tuple[str, ...], model: str, may: bool) -> None:
    """Of the own targets; of an entry behind, if it may be used itself; of anything else only by `provider/model`."""
    lists: dict[str, Any] = {"a": {"content_policy_fallbacks": ["b"]}, "b": {}}
    async with in_process(config=config(**lists)) as edge:
        pipe = edge.gateway.state.pipeline
        assert may_read(pipe, asked(pipe, principal=who(*listed)), "mine", model) is may


@pytest.mark.parametrize(
    ("names", "principal", "error"),
    [
        ("b", who(), Forbidden),
        ("b", who("a", scopes=("routing",)), Forbidden),
        ("nobody", who(scopes=("routing",)), BadRequest),
        (",".join("abcdefghijk"), who(scopes=("routing",)), BadRequest),
    ],
)
async def test_a_header_that_may_not_be(names: str, principal: Principal, error: type[Exception]) -> None:
    """The error names it."""
    async with in_process(config=config(a={}, b={})) as edge:
        pipe = edge.gateway.state.pipeline
        with pytest.raises(error) as caught:
            asked(pipe, principal=principal, x_llm_edge_fallbacks=names)
        assert getattr(caught.value, "param", None) == "x-llm-edge-fallbacks"


@pytest.mark.parametrize(("names", "falls_back"), [("b", True), (" b , b ", True), ("", False), (" , ", False)])
async def test_a_header_stands_for_the_entrys_own_list(names: str, falls_back: bool) -> None:
    """The route is another one then, with its own digest; the other lists stay."""
    async with in_process(config=config(a={"fallbacks": ["c"]}, b={}, c={"content_policy_fallbacks": ["b"]})) as edge:
        pipe = edge.gateway.state.pipeline
        plain, other = asked(pipe).route, asked(pipe, x_llm_edge_fallbacks=names).route
        assert other.rules.fallbacks == (("b",) if falls_back else ())
        assert other.falls_back is falls_back
        assert other.digest != plain.digest
        assert other.budget is plain.budget
        ctx = RequestContext(CHAT, "t", 0.0)
        ctx.headers = {b"x-llm-edge-fallbacks": b""}
        assert overridden(pipe, ctx, pipe.routes.resolve("c")).falls_back
