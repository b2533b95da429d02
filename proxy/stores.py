"""Opening what the settings name: record store and keys, hot store and board, cache tiers. Each leaves a closer behind."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from proxy.bus.spool import Spool
from proxy.cache.flight import Flights
from proxy.cache.marks import PurgeMarks
from proxy.cache.memory import MemoryCache
from proxy.cache.meter import CacheMeter
from proxy.cache.redis import RedisCache
from proxy.cache.sharing.flights import SharedFlights
from proxy.cache.sharing.leases import LeaseMeter
from proxy.cache.tiered import TieredCache
from proxy.core.clock import Clock
from proxy.core.errors import Unavailable
from proxy.core.identity import Roles
from proxy.core.lifecycle import Lifecycle
from proxy.core.tasks import TaskSupervisor
from proxy.governance.admission import InFlight
from proxy.governance.auth import Keys
from proxy.governance.idempotency.live import Meter as RepeatMeter
from proxy.governance.idempotency.live import Repeats, Rules
from proxy.governance.keys import Keyring, SignedKeys, StaticKeys
from proxy.governance.limits.limiter import reserved_nanos
from proxy.governance.metering.ledger import UsageLedger
from proxy.governance.plans.book import PlanBook, follow_plans
from proxy.governance.plans.keys import PlanKeys, follow_plan_keys
from proxy.providers.base import Provider
from proxy.settings import Settings
from proxy.storage.hot.admission import AdmissionStore
from proxy.storage.hot.admission_guarded import GuardedAdmission
from proxy.storage.hot.admission_memory import MemoryAdmission
from proxy.storage.hot.admission_redis import RedisAdmission
from proxy.storage.hot.base import HotStore, LinkState, OwnedHotStore, RedisDown, RedisRefused
from proxy.storage.hot.board import Board, LocalBoard
from proxy.storage.hot.fleet import Fleet
from proxy.storage.hot.idempotency_memory import MemoryIdempotency
from proxy.storage.hot.idempotency_redis import RedisIdempotency
from proxy.storage.hot.open import open_hot
from proxy.storage.hot.redis_board import RedisBoard
from proxy.storage.issue import signing_secret
from proxy.storage.open import open_plans, open_records, open_usage
from proxy.storage.plans import PlanRecords
from proxy.storage.records import KeyRecords
from proxy.storage.responses import ResponseRecords
from proxy.storage.shared import SchemaOutdated
from proxy.storage.usage import UsageRecords
from proxy.telemetry.gauges import StoreSize

LAST_USED_EVERY_S = 5.0
PURGE_EVERY_S = 3600.0
L2_SIZE_EVERY_S = 5.0
SCHEMA_POLL_S = 1.0
PURGES = "purge:"
"""Before the names of purges on the board."""
RETIRE_POLL_S = 0.1
"""How often the connections of a replaced configuration are looked at: they may go when its last request has."""
BOARD_KEY = "{board}:le1"
"""After the prefix of the Redis keys; outside of what clearing the cache removes."""

Closers = list[Callable[[], Awaitable[None]]]


async def open_cache(
    settings: Settings,
    *,
    clock: Clock,
    tasks: TaskSupervisor,
    meter: CacheMeter,
    closers: Closers,
    shared: OwnedHotStore | None = None,
    on_l2_state: Callable[[LinkState], None] | None = None,
    l2_size: StoreSize | None = None,
) -> TieredCache:
    """A Redis that is down at the start is a warning and an L1-only cache until it comes. `l2_size` is kept up to date.

    `shared`: the hot store of `stores.redis`; L2 takes it unless it has a URL of its own."""
    c = settings.cache
    l1_ttl_s = c.l1.ttl_s if settings.l2_url is not None else c.l1.ttl_s + c.stale_s
    l1 = (
        MemoryCache(
            clock,
            max_entries=c.l1.max_entries,
            max_bytes=c.l1.max_bytes,
            ttl_s=l1_ttl_s,
            idle_ttl_s=c.l1.idle_s,
        )
        if c.enabled
        else None
    )
    url = settings.l2_url
    if url is None:
        return TieredCache(clock, l1=l1, meter=meter, lifetime_s=l1_ttl_s)
    if shared is not None and url == settings.stores.redis_url:
        hot = shared
    else:
        hot = await _open_hot(url, settings, tasks=tasks, closers=closers, on_state=on_l2_state)
    if not hot.connected:
        logging.getLogger("llm_edge").warning("the L2 cache is not reachable; going on with L1 alone", extra={"redis": hot.label})
    if l2_size is not None:
        tasks.start(_measure(hot, l2_size), name="l2-size", endless=True)
    l2 = RedisCache(hot, clock, prefix=c.l2.prefix, ttl_s=c.l2.ttl_s + c.stale_s, meter=meter)
    return TieredCache(clock, l1=l1, l2=l2, meter=meter, lifetime_s=max(l1_ttl_s, c.l2.ttl_s + c.stale_s))


def open_flights(
    settings: Settings, cache: TieredCache, *, clock: Clock, tasks: TaskSupervisor, meter: LeaseMeter, closers: Closers
) -> Flights:
    """Shared with the processes that share L2, where the settings say so."""
    flights, how = Flights(), settings.cache.single_flight
    if cache.hot is not None and how.shared:
        flights.shared = SharedFlights(cache.hot, flights, tasks, clock, meter, prefix=settings.cache.l2.prefix, poll_s=how.poll_ms / 1e3)
        closers.append(flights.shared.close)
    return flights


async def open_shared(settings: Settings, *, clock: Clock, tasks: TaskSupervisor, closers: Closers) -> tuple[OwnedHotStore | None, Board]:
    """The hot store of `stores.redis`, if there is one, and the board: in it, or else this process's own."""
    url = settings.stores.redis_url
    if url is None:
        local = LocalBoard(clock)
        closers.append(local.close)
        return None, local
    hot = await _open_hot(url, settings, tasks=tasks, closers=closers)
    board = RedisBoard(hot, clock, tasks, key=settings.cache.l2.prefix + BOARD_KEY)
    closers.append(board.close)
    await board.open()
    return hot, board


async def open_admission(
    settings: Settings, hot: OwnedHotStore | None, board: Board, *, clock: Clock, tasks: TaskSupervisor, closers: Closers
) -> AdmissionStore[Any]:
    """Counters in the hot store of `stores.redis`, if there is one, else in the process."""
    local = MemoryAdmission(clock)
    if hot is None:
        return local
    fleet = Fleet(board, lambda: hot.connected)

    async def leave() -> None:
        fleet.leave()

    closers.append(leave)
    admission = GuardedAdmission(RedisAdmission(hot), hot, local, fleet)
    configure_admission(admission, settings)
    tasks.start(fleet.keep(), name="fleet", endless=True)
    tasks.start(admission.keep_on(), name="admission-leases", endless=True)
    return admission


UNBOUND_S = 600.0
"""How long a request with an Idempotency-Key may go on without its client, where `total_s` says nothing."""


def open_repeats(hot: OwnedHotStore | None, clock: Clock, tasks: TaskSupervisor, meter: RepeatMeter) -> Repeats:
    """Idempotency keys in the hot store of `stores.redis`, if there is one, else in the process."""
    return Repeats(MemoryIdempotency(clock) if hot is None else RedisIdempotency(hot), tasks, meter)


def repeat_rules(settings: Settings) -> Rules | None:
    """None: the header is ignored."""
    s = settings.idempotency
    if not s.enabled:
        return None
    total_s = settings.routing.timeouts.total_s or UNBOUND_S
    return Rules(wait_s=s.wait_s, ttl_s=s.ttl_s, lease_s=s.lease_s, max_bytes=s.max_kb * 1024, total_s=total_s)


def configure_admission(admission: AdmissionStore[Any], settings: Settings) -> None:
    """What a reload may change."""
    if isinstance(admission, GuardedAdmission):
        admission.on_loss = settings.limits.on_redis_loss
        admission.on_money_loss = settings.budgets.on_redis_loss


def share_marks(marks: PurgeMarks, board: Board) -> None:
    """A purge of one process is every process's."""

    def told(field: str, at: float) -> None:
        name = hashlib.blake2b(field.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        board.put(PURGES + name, msgspec.json.encode((field, at)), marks.keep_s)

    def heard(name: str, value: bytes | None) -> None:
        if value is not None:
            try:
                marks.learn(*msgspec.json.decode(value, type=tuple[str, float]))
            except msgspec.DecodeError:
                logging.getLogger("llm_edge").warning("a purge of another version was not understood", extra={"field": name})

    marks.on_mark = told
    board.watch(PURGES, heard)


async def _open_hot(
    url: str, settings: Settings, *, tasks: TaskSupervisor, closers: Closers, on_state: Callable[[LinkState], None] | None = None
) -> OwnedHotStore:
    l2 = settings.cache.l2
    hot = await open_hot(url, tasks, op_timeout_s=l2.op_timeout_ms / 1e3, connect_timeout_s=l2.connect_timeout_ms / 1e3, on_state=on_state)
    closers.append(hot.close)
    return hot


async def _measure(hot: HotStore, size: StoreSize) -> None:
    while True:
        try:
            size.entries = int(await hot.execute("DBSIZE"))
            used = re.findall(rb"^used_memory:(\d+)", await hot.execute("INFO", "memory"), re.MULTILINE)
            size.bytes = sum(map(int, used)) if used else None
        except (RedisDown, RedisRefused):
            size.forget()
        await asyncio.sleep(L2_SIZE_EVERY_S)


def open_ledger(
    settings: Settings, records: KeyRecords, clock: Clock, tasks: TaskSupervisor, closers: Closers, undelivered: Callable[[int], None]
) -> tuple[UsageRecords, UsageLedger | None]:
    """The ledger's records, and what writes them: nothing, where that is off. `undelivered(n)` is called at the end, where records could
    not be delivered. Raises OSError where the folder of the spool cannot be made."""
    usage = open_usage(settings.stores.records_url, records)
    closers.append(usage.aclose)
    if not settings.usage.enabled:
        return usage, None
    folder = settings.spool_folder
    spool = None if folder is None else Spool(folder)
    ledger = UsageLedger(usage, spool, tasks, reserved=reserved_nanos)

    async def close() -> None:
        left = await ledger.close()
        if left:
            where = "lost" if spool is None else f"kept in {spool.folder}"
            logging.getLogger("llm_edge").error("usage records were not delivered", extra={"records": left, "where": where})
            undelivered(left)

    closers.append(close)
    ledger.start()
    if settings.usage.keep_days is not None:
        tasks.start(purge_usage(usage, clock, settings.usage.keep_days), name="usage-purge", endless=True)
    return usage, ledger


def open_plan_book(
    settings: Settings, records: KeyRecords, board: Board, clock: Clock, tasks: TaskSupervisor, closers: Closers
) -> tuple[PlanRecords, PlanBook]:
    """The records of usage plans, and what is known of them, kept fresh by the board."""
    plans = open_plans(settings.stores.records_url, records)
    closers.append(plans.aclose)
    book = PlanBook(plans, clock, tasks, settings.auth.key_cache_ttl_s, needed=settings.auth.plans_needed)
    follow_plans(board, book)
    return plans, book


def with_plan_keys(keys: Keys, records: PlanRecords, clock: Clock, board: Board, settings: Settings) -> Keys:
    """And those of the AWS lab, where they are wanted."""
    if not settings.auth.plan_keys:
        return keys
    found = PlanKeys(keys, records, clock, settings.auth.key_cache_ttl_s, settings.auth.key_cache_size)
    follow_plan_keys(board, found)
    return found


async def purge_usage(records: UsageRecords, clock: Clock, keep_days: int, every_s: float = PURGE_EVERY_S) -> None:
    """As `purge_responses`."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await records.purge(clock.time() - keep_days * 86_400)
        except Unavailable as exc:
            logging.getLogger("llm_edge").warning("old usage records were not purged", extra={"error": exc.message})


async def open_keyring(settings: Settings, *, records: KeyRecords, clock: Clock) -> tuple[Keyring, SignedKeys | None]:
    """Static keys always; signed ones where there is a signing secret (returned apart for `keep_last_used`). Raises Unavailable."""
    auth = settings.auth
    admin = auth.admin_key.get_secret_value() if auth.admin_key else None
    static = StaticKeys((k.get_secret_value() for k in auth.static_keys), admin, scopes=auth.static_scopes)
    configured = auth.signing_secret.get_secret_value() if auth.signing_secret is not None else None
    if configured is None and not settings.stores.embedded_records:
        return Keyring(static), None
    secret = await signing_secret(records, configured)
    before = auth.previous_signing_secret
    signed = SignedKeys(
        secret,
        records,
        auth.key_cache_ttl_s,
        size=auth.key_cache_size,
        clock=clock,
        previous=before.get_secret_value().encode() if before is not None else None,
        roles=Roles({name: role.scopes for name, role in auth.roles.items()}),
    )
    hosts = frozenset(host.lower() for host in settings.server.public_hosts)
    return Keyring(static, signed, hosts=hosts), signed


def open_key_records(settings: Settings, tasks: TaskSupervisor, closers: Closers, lifecycle: Lifecycle) -> KeyRecords:
    """Raises Unavailable where the driver is not installed."""
    records = open_records(settings.stores.records_url)
    closers.append(records.aclose)
    hold_for_schema(settings, records, tasks, lifecycle)
    return records


def hold_for_schema(settings: Settings, records: KeyRecords, tasks: TaskSupervisor, lifecycle: Lifecycle) -> None:
    """Not ready while a shared store's tables are not this release's."""
    if not settings.stores.embedded_records:
        release = lifecycle.hold("the record store's tables are not this release's: run `llm-edge db upgrade`")
        tasks.start(await_schema(records, release), name="records-schema", endless=True)


async def await_schema(records: KeyRecords, release: Callable[[], None], every_s: float = SCHEMA_POLL_S) -> None:
    """Calls `release` when a shared store's tables are this release's. One that is down holds nobody back."""
    log, said = logging.getLogger("llm_edge"), ""
    while True:
        try:
            await records.ping()
            break
        except SchemaOutdated as exc:
            if exc.message != said:
                log.error("not ready: the record store must be upgraded", extra={"error": exc.message})
            said = exc.message
        except Unavailable as exc:
            log.warning("the record store does not answer; going on without it", extra={"error": exc.message})
            break
        await asyncio.sleep(every_s)
    release()


async def keep_last_used(signed: SignedKeys) -> None:
    """Writes `last_used` of its keys back every few seconds, and once more when cancelled."""
    try:
        while True:
            await asyncio.sleep(LAST_USED_EVERY_S)
            await signed.flush()
    finally:
        await signed.flush()


async def purge_responses(responses: ResponseRecords, clock: Clock, every_s: float = PURGE_EVERY_S) -> None:
    """Drops issued answers that have expired, now and then; a store that is down is asked again the next time."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await responses.purge(clock.time())
        except Unavailable as exc:
            logging.getLogger("llm_edge").warning("expired answers were not purged", extra={"error": exc.message})


async def retire(users: Sequence[InFlight], providers: Sequence[Provider]) -> None:
    """Close providers that no configuration in force uses, when the last request that may still call them has ended.

    All earlier configurations count: a request admitted under one may have picked up the pipeline of the next."""
    try:
        while True:
            await asyncio.sleep(RETIRE_POLL_S)
            if not any(user.requests for user in users):
                return
    finally:
        for provider in providers:
            await provider.aclose()
