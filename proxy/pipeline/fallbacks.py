"""Other entries of `models` that a request may fall back to: which of their targets, in what order, and who may.

A target that is reached through another entry is judged by that entry's name, as if it had been asked for (contract D): a key that may
use `smart` alone gets no answer of `cheap`, whatever `smart.fallbacks` says. The targets of an entry come in the order of its own
strategy. Entries that it names itself follow behind all that the first one names, `MAX_ENTRIES` in all; an entry that has been there is
passed over, so a cycle ends.
"""

import hashlib
from typing import TYPE_CHECKING

import msgspec

from proxy.core.context import AttemptRecord, RequestContext
from proxy.core.errors import BadRequest, EdgeError, Forbidden, ModelNotFound
from proxy.core.identity import ROUTING
from proxy.pipeline.choosing import choose
from proxy.pipeline.deps import Pipeline
from proxy.routing.candidate import Candidate
from proxy.routing.rules import FallbackList
from proxy.routing.target import Route

if TYPE_CHECKING:
    from proxy.pipeline.asked import Asked

HEADER = "x-llm-edge-fallbacks"
MAX_ENTRIES = 10
_LISTS: tuple[FallbackList, ...] = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


class Fallbacks:
    """Of one request. Called with the name of a list, it gives the candidates of that list that the request may use."""

    __slots__ = ("_asked", "_pipe", "entries", "now")

    def __init__(self, pipe: Pipeline, asked: "Asked", now: float) -> None:
        """`now`: monotonic seconds, for the strategies."""
        self._pipe = pipe
        self._asked = asked
        self.now = now
        self.entries: dict[str, tuple[str, str]] = {}
        """Target's id → the name that it was reached by, and the entry's own, which is label-safe."""

    def __call__(self, name: FallbackList) -> list[Candidate]:
        pipe, asked = self._pipe, self._asked
        found: list[Candidate] = []
        for entry, route in routes_behind(pipe, asked, name):
            for target in choose(pipe, asked, self.now, route).order:
                if asked.may_go(pipe, target) and may_use(asked.ctx, entry, target):
                    found.append(target)
                    self.entries.setdefault(target.id, (entry, route.name))
        return found

    def note(self, record: AttemptRecord, target: Candidate) -> None:
        """Say in the record of a try how the target was reached, if not by the name that was asked for."""
        route, tried = self._asked.route, self._asked.ctx.attempts
        names = self.entries.get(target.id)
        if names is None or target in route.targets:
            return
        record.entry, label = names
        if record.role != "retry":
            record.role = "fallback"
            self._pipe.meter.fell_back(route.name, label, (tried[-1].failure if tried else None) or "none")


def routes_behind(pipe: Pipeline, asked: "Asked", name: FallbackList) -> list[tuple[str, Route]]:
    """The entries of one list by their names, breadth first. Names that mean nothing (any more) are passed over: the configuration is
    checked when it is read."""
    found: list[tuple[str, Route]] = []
    been = {asked.model}
    names = list(_listed(asked.route, name))
    while names and len(found) < MAX_ENTRIES:
        entry = names.pop(0)
        if entry in been:
            continue
        been.add(entry)
        try:
            route = pipe.routes.resolve(entry)
        except (ModelNotFound, BadRequest):
            continue
        found.append((entry, route))
        names += _listed(route, name)
    return found


def may_use(ctx: RequestContext, entry: str, target: Candidate) -> bool:
    return ctx.may_use(entry, target.provider, target.model)


def may_read(pipe: Pipeline, asked: "Asked", provider: str, model: str) -> bool:
    """Whether the request may be given an answer that another one got from there, by its own entry or by one behind it (contract J).
    `permit` has been asked already."""
    ctx = asked.ctx
    principal = ctx.principal
    listed = (principal is not None and principal.models is not None) or ctx.plan_permits is not None
    if not listed or any((t.provider, t.model) == (provider, model) for t in asked.route.targets):
        return True
    behind = [found for name in _LISTS for found in routes_behind(pipe, asked, name)]
    names = [name for name, route in behind if any((t.provider, t.model) == (provider, model) for t in route.targets)]
    return any(ctx.may_use(name, provider, model) for name in (*names, None))


def overridden(pipe: Pipeline, ctx: RequestContext, route: Route) -> Route:
    """The route with the fallbacks that the header names instead of its own; none, where it names none. The digest is another one, so
    that answers of other ways are not shared. Raises Forbidden or BadRequest naming the header."""
    principal = ctx.principal
    if principal is not None and not principal.has_scope(ROUTING):
        raise Forbidden(f"{HEADER} needs a key with the scope {ROUTING}", code="scope_required", param=HEADER)
    text = ctx.headers[HEADER.encode()].decode("latin-1")
    names = tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
    if len(names) > MAX_ENTRIES:
        raise BadRequest(f"{HEADER} names {len(names)} models, {MAX_ENTRIES} at most are tried", param=HEADER)
    for name in names:
        try:
            behind = pipe.routes.resolve(name)
        except EdgeError as exc:
            raise BadRequest(f"{HEADER}: {exc.message}", param=HEADER) from None
        if not any(may_use(ctx, name, target) for target in behind.targets):
            raise Forbidden(f"this API key may not use the model '{name[:100]}' ({HEADER})", code="model_not_permitted", param=HEADER)
    rules = msgspec.structs.replace(route.rules, fallbacks=names)
    digest = hashlib.sha256(msgspec.json.encode((route.digest, names))).hexdigest()
    return msgspec.structs.replace(route, rules=rules, digest=digest, falls_back=rules.falls_back)


def _listed(route: Route, name: FallbackList) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(route.rules, name)
    return names
