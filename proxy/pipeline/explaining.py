"""What would be decided for a request that nobody has made, and why: for `llm-edge routes explain` and the admin API.

    prompt=TEXT   tokens=N   output=N   needs=vision,tools   tags=eu,region=x   strategy=NAME   sticky=ID   stream=true   header=NAME=VALUE

`tokens` wins over what `prompt` would be estimated at. `header` may come several times.
"""

from collections.abc import Iterable
from random import Random
from time import monotonic
from typing import Any

import msgspec

from proxy.codecs.needs import BYTES_PER_TOKEN
from proxy.core.errors import BadRequest
from proxy.core.needs import NEEDS
from proxy.pipeline.choosing import decided, required_tags
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.request_facts import USUAL_OUTPUT
from proxy.routing.candidate import RequestFacts
from proxy.routing.explain import explain
from proxy.routing.filters import sift
from proxy.routing.table import RouteTable
from proxy.routing.target import Route

PARAMETERS = ("prompt", "tokens", "output", "needs", "tags", "strategy", "sticky", "stream", "header")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    facts: RequestFacts
    strategy: str | None = None
    """Another one than the entry's."""


def question_of(pairs: Iterable[tuple[str, str]]) -> Question:
    """From the query of a URL, parsed. Raises BadRequest naming the parameter."""
    facts = RequestFacts(stream=True)
    strategy: str | None = None
    for name, value in pairs:
        match name:
            case "prompt":
                facts.text = value.lower()
                facts.prompt_tokens = facts.prompt_tokens or -(-len(value.encode("utf-8", "replace")) // BYTES_PER_TOKEN)
            case "tokens":
                facts.prompt_tokens = _count(name, value)
            case "output":
                facts.output_cap = _count(name, value)
            case "needs":
                facts.needs |= _needs(value)
            case "tags":
                facts.tags |= frozenset(_words(value))
            case "sticky":
                facts.sticky = value
            case "stream":
                facts.stream = _flag(name, value)
            case "header":
                key, equals, text = value.partition("=")
                if not equals:
                    raise BadRequest("header must be NAME=VALUE", param=name)
                facts.headers += ((key.strip().lower(), text),)
            case "strategy":
                strategy = value
            case _:
                raise BadRequest(f"unknown parameter {name[:50]!r}; known are {', '.join(PARAMETERS)}", param=name[:50])
    facts.output_tokens = facts.output_cap or USUAL_OUTPUT
    return Question(facts=facts, strategy=strategy)


def explain_route(routes: RouteTable, route: Route, question: Question, now: float, rng: Random) -> dict[str, Any]:
    """`now`: monotonic seconds. No turn is taken and nothing is sent. Raises BadRequest for a strategy that there is not."""
    if question.strategy is not None:
        route = routes.by_strategy(route, question.strategy)
    facts = question.facts
    tags = required_tags(route, facts.tags) if facts.tags else facts.tags
    to_the_end = bool(route.rules.context_window_fallbacks)
    sifted = sift(route.targets, facts, now, tags=tags, to_the_end=to_the_end)
    decision = decided(route, sifted, facts, now, rng)
    refusal = sifted.refusal
    return {
        "entry": route.name,
        "strategy": route.strategy,
        **explain(decision, route.targets, facts, now),
        "refusal": None if refusal is None else {"status": refusal.status, "code": refusal.code},
        "warning": route.warning,
    }


def _words(text: str) -> list[str]:
    return [word for part in text.lower().split(",") if (word := part.strip())]


def _needs(text: str) -> int:
    needs = 0
    for word in _words(text):
        if word not in NEEDS:
            raise BadRequest(f"unknown need {word[:50]!r}; known are {', '.join(NEEDS)}", param="needs")
        needs |= NEEDS[word]
    return needs


def _count(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise BadRequest(f"{name} must be a whole number of tokens", param=name)
    return int(text)


def _flag(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise BadRequest(f"{name} must be true or false", param=name)
    return text == "true"


def explain_now(pipe: Pipeline, route: Route, query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """By what the running gateway knows."""
    return explain_route(pipe.routes, route, question_of(query), monotonic(), pipe.rng)
