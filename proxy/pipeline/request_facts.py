"""What a choice of targets is told of a request: only what the entry's strategy and the filters want, decided when the route was made."""

from typing import TYPE_CHECKING, Any

from proxy.codecs.needs import needs_of, output_cap, prompt_tokens, user_text
from proxy.core.context import RequestContext
from proxy.routing.candidate import RequestFacts
from proxy.routing.strategies import EVERYTHING, HEADERS, NEEDS, STICKY, TEXT, TOKENS, TURN
from proxy.routing.target import Route

if TYPE_CHECKING:
    from proxy.pipeline.asked import Asked

USUAL_OUTPUT = 256
"""Tokens of an answer whose length nobody has bounded."""
_HEADER = "header:"
_CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"cookie", b"proxy-authorization"})
_USER = ("user", "safety_identifier")
_USER_WITHIN = (("metadata", "user_id"), ("requestMetadata", "user_id"), ("labels", "user_id"))


def facts_of(asked: "Asked", route: Route) -> RequestFacts:
    wants, ctx, body = route.wants, asked.ctx, asked.body
    facts = RequestFacts(stream=asked.stream)
    if wants & (NEEDS | TOKENS):
        facts.needs = needs_of(body)
        if wants & TOKENS:
            facts.prompt_tokens = prompt_tokens(body, len(ctx.body), facts.needs)
            facts.output_cap = output_cap(body)
            facts.output_tokens = facts.output_cap or USUAL_OUTPUT
    if wants & TURN:
        facts.turn = next(route.turns)
    if wants & STICKY and route.rules.sticky is not None:
        facts.sticky = sticky_id(route.rules.sticky, ctx, body)
    if wants & TEXT:
        facts.text = user_text(body)
    if wants & HEADERS:
        facts.headers = _headers(ctx, route)
    if asked.route.asked is not None:
        facts.tags = asked.route.asked.tags
    return facts


def sticky_id(by: str, ctx: RequestContext, body: dict[str, Any]) -> str:
    """Who keeps their target; "": the request does not say."""
    if by == "key":
        return ctx.principal.key_id if ctx.principal is not None else ""
    if by == "user":
        return _user(body)
    return ctx.headers.get(by.removeprefix(_HEADER).encode("latin-1", "replace"), b"").decode("latin-1")


def _user(body: dict[str, Any]) -> str:
    for name in _USER:
        value = body.get(name)
        if type(value) is str and value:
            return value
    for holder, name in _USER_WITHIN:
        found = body.get(holder)
        value = found.get(name) if type(found) is dict else None
        if type(value) is str and value:
            return value
    return ""


def _headers(ctx: RequestContext, route: Route) -> tuple[tuple[str, str], ...]:
    """Those that the entry's rules ask for; for a strategy of somebody else's making all but credentials."""
    if route.wants & EVERYTHING == EVERYTHING:
        return tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in ctx.headers.items() if k not in _CREDENTIALS)
    named = {name for rule in route.rules.content for name, _ in rule.headers}
    given = [(name, ctx.headers.get(name.encode("latin-1", "replace"))) for name in named]
    return tuple([(name, value.decode("latin-1")) for name, value in given if value is not None])
