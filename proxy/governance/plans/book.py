"""The plans of whoever a request counts for, from memory.

find      a dict look-up; plans older than `ttl_s` are still good, and asked for again in the background
load      all plans of a principal in one question; where the store is down those that were known, else 503, or for principals
          of the settings none: a gateway that starts in an outage serves them, as it does without any store
a notice  `plan:<tenant>` on the board: the plans of that tenant are asked for again before they are believed
"""

import logging
from collections.abc import Callable, Iterable

from proxy.core.clock import Clock
from proxy.core.entities import NO_LIMITS, Caps, Entity, Limits
from proxy.core.errors import Unavailable
from proxy.core.identity import Principal
from proxy.core.tasks import TaskSupervisor
from proxy.governance.limits.policy import EntityRules, PlanRules
from proxy.storage.hot.board import Board
from proxy.storage.plans import SYSTEM, Plan, PlanRecords

PREFIX = "plan:"
"""Of notices, before a tenant."""
MIN_TTL_S = 60.0
"""Of a notice."""
SHORTEST_S = 1.0
"""Plans are believed at least so long, and asked for again no sooner after the store was down."""
MAX_HELD = 20_000
"""Sets of entities whose plans are kept; then the oldest goes."""
LOADS = 3
"""Times that plans are loaded again because a notice came meanwhile."""

Entities = tuple[Entity, ...]


class PlanSet:
    """The plans of a principal's entities, as they were read."""

    __slots__ = ("_by_entity", "_named", "_permissions", "_shared", "active")

    def __init__(self, plans: Iterable[Plan], own: str | None = None) -> None:
        """`own`: the tenant of a principal that is its own; plans that name no tenant are its, where it has none of that entity."""
        self._by_entity: dict[Entity, Plan] = {}
        self._shared: set[Entity] = set()
        """Those whose plan is of all principals of no tenant, so that they count together."""
        for plan in sorted(plans, key=lambda plan: plan.tenant == SYSTEM):
            tenant = own if own is not None and plan.tenant == SYSTEM else plan.tenant
            entity = Entity(plan.entity_type, plan.entity_id, tenant)
            if self._by_entity.setdefault(entity, plan) is plan and plan.tenant != tenant and plan.entity_type != "API_KEY":
                self._shared.add(entity)
        found = self._by_entity.values()
        self._permissions = tuple(frozenset(plan.model_permissions) for plan in found if "*" not in plan.model_permissions)
        self._named = frozenset(model for plan in found for model in plan.model_limits)
        self.active = all(plan.active for plan in found)

    @property
    def plans(self) -> tuple[Plan, ...]:
        return tuple(self._by_entity.values())

    @property
    def permissive(self) -> bool:
        """Whether every model is permitted."""
        return not self._permissions

    def names(self, model: str | None) -> bool:
        return model in self._named

    def limits(self, entity: Entity, model: str) -> Limits:
        plan = self._by_entity.get(entity)
        if plan is None:
            return NO_LIMITS
        own = plan.model_limits.get(model) if model != "*" else None
        return own.filled_from(plan.default_limits) if own is not None else plan.default_limits

    def caps(self, entity: Entity) -> Caps | None:
        plan = self._by_entity.get(entity)
        return plan.caps if plan is not None else None

    def tenant_of(self, entity: Entity) -> str:
        return SYSTEM if entity in self._shared else entity.tenant

    def permits(self, name: str | None, provider: str, model: str) -> bool:
        """Every plan must."""
        return all(name in listed or f"{provider}/{model}" in listed for listed in self._permissions)


NO_PLANS = PlanSet(())


class _Held:
    """`rules` None: nothing was read yet."""

    __slots__ = ("asking", "entities", "rules", "until")

    def __init__(self, entities: Entities) -> None:
        self.entities = entities
        self.rules: PlanSet | None = None
        self.until = float("-inf")
        """Monotonic; -inf: to be read before it is believed."""
        self.asking = False


class PlanBook:
    """`ttl_s`: so long plans are believed without a look. `needed`: also for principals of the settings (`auth.plans_needed`)."""

    def __init__(self, records: PlanRecords, clock: Clock, tasks: TaskSupervisor, ttl_s: float = 10.0, *, needed: bool = False) -> None:
        self._records = records
        self._monotonic = clock.monotonic
        self._tasks = tasks
        self.ttl_s = ttl_s
        self._needed = needed
        self._warned = False
        self._epoch = 0
        self._by_key: dict[str, tuple[Principal, _Held]] = {}
        self._by_entities: dict[Entities, _Held] = {}

    def find(self, principal: Principal) -> PlanSet | None:
        known = self._by_key.get(principal.key_id)
        if known is not None and known[0] is principal:
            held = known[1]
        else:
            found = self._by_entities.get(principal.entities())
            if found is None:
                return None
            held = found
            self._remember(principal, held)
        now = self._monotonic()
        if now >= held.until:
            if now >= held.until + self._lasts:  # nobody has asked for long: what is known is too old
                return None
            if not held.asking:
                held.asking = True
                self._tasks.start(self._refresh(held), name="plans-refresh")
        return held.rules

    async def load(self, principal: Principal) -> PlanSet:
        """Raises Unavailable where the store is down and the plans were never known."""
        entities = principal.entities()
        held = self._by_entities.get(entities) or _Held(entities)
        try:
            await self._read(held)
        except Unavailable:
            if self._needed or not principal.configured:
                raise
            self._go_without(held)
        assert held.rules is not None  # noqa: S101 - `_read` raises else
        if entities not in self._by_entities:
            while len(self._by_entities) >= MAX_HELD:
                del self._by_entities[next(iter(self._by_entities))]
            self._by_entities[entities] = held
        self._remember(principal, held)
        return held.rules

    def drop(self, tenant: str) -> None:
        """Its plans have changed."""
        self._epoch += 1
        for held in self._by_entities.values():
            if any(entity.tenant == tenant for entity in held.entities) or (tenant == SYSTEM and _own(held.entities) is not None):
                held.until = float("-inf")

    def drop_all(self) -> None:
        self._epoch += 1
        for held in self._by_entities.values():
            held.until = float("-inf")

    @property
    def cached(self) -> int:
        """Sets of entities whose plans are kept."""
        return len(self._by_entities)

    @property
    def _lasts(self) -> float:
        return max(self.ttl_s, SHORTEST_S)

    def _go_without(self, held: _Held) -> None:
        """Until the store answers."""
        held.rules = NO_PLANS
        held.until = self._monotonic() + SHORTEST_S
        if not self._warned:
            self._warned = True
            logging.getLogger("llm_edge").warning("usage plans can't be read; keys of the settings are served without plans until they can")

    def _remember(self, principal: Principal, held: _Held) -> None:
        while len(self._by_key) >= MAX_HELD:
            del self._by_key[next(iter(self._by_key))]
        self._by_key[principal.key_id] = (principal, held)

    async def _refresh(self, held: _Held) -> None:
        try:
            await self._read(held)
        finally:
            held.asking = False

    async def _read(self, held: _Held) -> None:
        wanted = [(entity.tenant, entity.type, entity.id) for entity in held.entities]
        own = _own(held.entities)
        if own is not None:
            wanted += [(SYSTEM, entity.type, entity.id) for entity in held.entities[:-1]]
        try:
            for _ in range(LOADS):
                epoch = self._epoch
                plans = await self._records.get_many(wanted)
                if epoch == self._epoch:
                    break
        except Unavailable:
            if held.rules is None:
                raise
            held.until = self._monotonic() + SHORTEST_S
            return
        if held.rules is None or set(map(_version, held.rules.plans)) != set(map(_version, plans)):
            held.rules = PlanSet(plans, own) if plans else NO_PLANS
        held.until = self._monotonic() + self._lasts


class PlanNotices:
    """Tells every process that a tenant's plans have changed, by the board."""

    def __init__(self, board: Board, ttl_s: float) -> None:
        self._board = board
        self._ttl_s = max(MIN_TTL_S, 2 * ttl_s)

    def changed(self, tenant: str, at: float) -> None:
        """To be called when the store has it. `at`: now, in unix seconds."""
        self._board.put(f"{PREFIX}{tenant}", b"%d" % int(at * 1e6), self._ttl_s)


def follow_plans(board: Board, book: PlanBook) -> Callable[[], None]:
    """From now on `book` hears of every change. Returns what ends it."""

    def heard(field: str, value: bytes | None) -> None:
        if value is not None:
            book.drop(field.removeprefix(PREFIX))

    unwatch, unmiss = board.watch(PREFIX, heard), board.on_gap(book.drop_all)

    def end() -> None:
        unwatch()
        unmiss()

    return end


def _own(entities: Entities) -> str | None:
    """The tenant of a principal that was given none, and is its own."""
    first = entities[0]
    return first.tenant if first.id == first.tenant and first.tenant != SYSTEM else None


def _version(plan: Plan) -> tuple[str, int]:
    return plan.usage_id, plan.version


_: type[EntityRules] = PlanBook
__: type[PlanRules] = PlanSet
