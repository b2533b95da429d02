"""`/v1/admin/api-keys`, in agenthub's shapes and words, and what they lack. A tenant's administrator sees and changes its tenant alone."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Meta
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.admin import key_views
from proxy.admin.access import is_global
from proxy.admin.answer import Message, answer, context, expected_version, parameter
from proxy.admin.events import AdminEvents
from proxy.admin.idempotent_keys import HEADER, Idempotent
from proxy.admin.key_fields import Id, KeyBody, apply, properties, read_fields
from proxy.admin.key_service import MAX_OVERLAP_S, Actor, KeyService, check_overlap
from proxy.core.clock import Clock
from proxy.core.context import RequestContext
from proxy.core.errors import Conflict, InvalidField, Unauthenticated
from proxy.core.identity import Roles
from proxy.governance.key_notices import BoardNotices
from proxy.settings import Settings
from proxy.settings.suggest import did_you_mean
from proxy.storage.hot.board import Board
from proxy.storage.issue import new_agent_key, new_key, signing_secret
from proxy.storage.records import KeyExists, KeyRecord, KeyRecords, KeyStatus

PAGE = 1000
_STATUSES: dict[str, KeyStatus] = {"active": "active", "revoked": "revoked", "disabled": "disabled"}
REQUIRED = ("role",)
"""Of a body that gives the whole of a key."""
LIST_QUERY: dict[str, Any] = {
    "status_filter": KeyStatus,
    "tenant_id": Id,
    "limit": Annotated[int, Meta(ge=1, le=PAGE)],
    "after": str,
    "view": Literal["full"],
}
ROTATE_QUERY: dict[str, Any] = {"overlap_seconds": Annotated[int, Meta(ge=0, le=MAX_OVERLAP_S)]}


class ActionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """May be left out."""

    version: int | None = None
    """That is to be acted on."""


class RotateBody(ActionBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    overlap_seconds: Annotated[float, Meta(ge=0, le=MAX_OVERLAP_S)] | None = None


Make = Callable[[bytes | None], Awaitable[tuple[str, KeyRecord]]]


class ApiKeyRoutes:
    def __init__(self, settings: Callable[[], Settings], records: KeyRecords, board: Board, clock: Clock, events: AdminEvents) -> None:
        self._settings = settings
        self._records = records
        self._board = board
        self._clock = clock
        self._events = events

    def handlers(self) -> dict[str, ASGIApp]:
        """By the names that the table of routes has."""
        return {
            "admin_key_create": self.create,
            "admin_keys": self.list,
            "admin_key": self.one,
            "admin_key_update": self.update,
            "admin_key_revoke": self.revoke,
            "admin_key_rotate": self.rotate,
            "admin_key_disable": self.disable,
            "admin_key_enable": self.enable,
        }

    async def create(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`{role, name?, …}` → `{key_id, api_key, role, created_at}`: the key is shown this once."""
        ctx, now = context(scope), self._clock.time()
        actor = self._actor(ctx)
        for name in REQUIRED:
            if name not in ctx.json:
                raise InvalidField(f"is required: {', '.join(self._roles().names)}", name)
        body = read_fields(ctx.json, self._roles(), now)
        _no_version(body)
        own = properties(body, now)
        own["tenant"] = own["tenant"] or actor.tenant
        secret = (await self._secrets())[0]

        async def make(random: bytes | None) -> tuple[str, KeyRecord]:
            key, record = new_agent_key(now, random=random, **own) if body.door == "agent" else new_key(secret, now, random=random, **own)
            return await self._service().create(actor, key, record), record

        await self._answer_made(ctx, send, actor, make, agent=body.door == "agent")

    async def list(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An array, ordered by id; `Link` leads to the next page. `?view=full`: with all fields."""
        ctx = context(scope)
        actor = self._actor(ctx)
        asked = _query(ctx, LIST_QUERY)
        status = asked.get("status_filter")
        if status is not None and status not in _STATUSES:
            raise InvalidField(f"must be one of {', '.join(_STATUSES)}{did_you_mean(status, _STATUSES)}", "status_filter")
        if asked.get("view", "full") != "full":
            raise InvalidField("must be full, or left out", "view")
        limit = _whole_number(asked.get("limit", str(PAGE)), "limit", PAGE)
        tenant = actor.tenant or asked.get("tenant_id")
        found = await self._records.list(status=_STATUSES.get(status or ""), tenant=tenant, limit=limit + 1, after=asked.get("after", ""))
        if actor.tenant is not None and asked.get("tenant_id", actor.tenant) != actor.tenant:
            found = []
        if len(found) > limit:
            found = found[:limit]
            following = urlencode({**asked, "limit": limit, "after": found[-1].key_id})
            ctx.headers_out.append((b"link", f'<{ctx.raw_path}?{following}>; rel="next"'.encode()))
            ctx.headers_out.append((b"x-next-after", found[-1].key_id.encode()))
        show = key_views.whole if "view" in asked else key_views.listed
        await answer(send, [show(record) for record in found])

    async def one(self, scope: Scope, receive: Receive, send: Send) -> None:
        ctx = context(scope)
        await self._answer_whole(send, await self._service().get(self._actor(ctx), parameter(ctx, "key_id")))

    async def update(self, scope: Scope, receive: Receive, send: Send) -> None:
        """PATCH: what is given changes, null is the default. PUT: what is not given becomes the default, too."""
        ctx, now, replacing = context(scope), self._clock.time(), scope["method"] == "PUT"
        body = read_fields(ctx.json, self._roles(), now)
        if body.door is not msgspec.UNSET:
            raise InvalidField("is decided when a key is made", "door")
        if replacing and body.role is msgspec.UNSET:
            raise InvalidField("is required: PUT gives the whole of a key", "role")

        def edit(record: KeyRecord) -> KeyRecord:
            if body.tenant_id is not msgspec.UNSET and body.tenant_id != record.tenant:
                raise InvalidField("a key stays in its tenant: create another", "tenant_id")
            return apply(body, record, now, whole=replacing)

        expected = expected_version(ctx, ctx.json)
        await self._answer_whole(send, await self._service().change(self._actor(ctx), parameter(ctx, "key_id"), edit, expected=expected))

    async def revoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        ctx = context(scope)
        key_id = parameter(ctx, "key_id")
        record = await self._service().revoke(self._actor(ctx), key_id, expected=_action(ctx))
        await answer(send, Message(f"API key {key_id} revoked successfully"), version=record.version)

    async def disable(self, scope: Scope, receive: Receive, send: Send) -> None:
        ctx = context(scope)
        await self._answer_whole(send, await self._service().disable(self._actor(ctx), parameter(ctx, "key_id"), expected=_action(ctx)))

    async def enable(self, scope: Scope, receive: Receive, send: Send) -> None:
        ctx = context(scope)
        await self._answer_whole(send, await self._service().enable(self._actor(ctx), parameter(ctx, "key_id"), expected=_action(ctx)))

    async def rotate(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`?overlap_seconds=N`, or in the body: so long the old key lives on."""
        ctx = context(scope)
        actor, key_id = self._actor(ctx), parameter(ctx, "key_id")
        expected = _action(ctx, RotateBody)
        overlap_s = _overlap(ctx)
        secret = (await self._secrets())[0]
        old = await self._service().get(actor, key_id)
        make = partial(self._rotate, actor, key_id, secret, overlap_s, expected)
        await self._answer_made(ctx, send, actor, make, agent=old.door == "agent")

    async def _rotate(
        self, actor: Actor, key_id: str, secret: bytes, overlap_s: float, expected: int | None, random: bytes | None
    ) -> tuple[str, KeyRecord]:
        return await self._service().rotate(actor, key_id, secret, overlap_s=overlap_s, expected=expected, random=random)

    async def _answer_made(self, ctx: RequestContext, send: Send, actor: Actor, make: Make, *, agent: bool) -> None:
        header = ctx.headers.get(HEADER)
        if header is None:
            key, record = await make(None)
        else:
            owner = actor.tenant or actor.key_id
            once = Idempotent(self._records, await self._secrets(), owner, ctx.raw_path, header, [ctx.json, ctx.query.decode("latin-1")])
            earlier = await once.before(agent)
            if earlier is None:
                try:
                    key, record = await make(once.random)
                except KeyExists:
                    earlier = await once.before(agent)
            if earlier is not None:
                key, record = earlier
                ctx.headers_out.append((b"idempotency-replayed", b"true"))
        await answer(send, key_views.made(key, record), version=record.version)

    async def _answer_whole(self, send: Send, record: KeyRecord) -> None:
        await answer(send, key_views.whole(record), version=record.version)

    def _roles(self) -> Roles:
        return Roles({name: role.scopes for name, role in self._settings().auth.roles.items()})

    def _service(self) -> KeyService:
        notices = BoardNotices(self._board, self._settings().auth.key_cache_ttl_s)
        return KeyService(self._records, self._clock, notices, self._events, self._roles())

    def _actor(self, ctx: RequestContext) -> Actor:
        principal = ctx.principal
        if principal is None:
            raise Unauthenticated("Invalid or expired API key")
        tenant = None if is_global(principal) else principal.tenant
        return Actor(key_id=principal.key_id, tenant=tenant, principal=principal, trace_id=ctx.trace_id)

    async def _secrets(self) -> tuple[bytes, ...]:
        """The one that signs, then the one before it. Raises Conflict where there is none."""
        auth = self._settings().auth
        configured = auth.signing_secret.get_secret_value() if auth.signing_secret is not None else None
        if configured is None and not self._settings().stores.embedded_records:
            raise Conflict("auth.signing_secret is not set: keys cannot be made", code="no_signing_secret")
        secret = await signing_secret(self._records, configured)
        before = auth.previous_signing_secret
        return (secret,) if before is None else (secret, before.get_secret_value().encode())


def _no_version(body: KeyBody) -> None:
    if isinstance(body.version, int):
        raise InvalidField("a key that is being made has none yet", "version")


def _action(ctx: RequestContext, body: type[ActionBody] = ActionBody) -> int | None:
    """The version that is to be acted on; nothing else may be said. Raises InvalidField."""
    for name in ctx.json:
        if name not in body.__struct_fields__:
            raise InvalidField(f"unknown field{did_you_mean(name, body.__struct_fields__)}", name[:64])
    return expected_version(ctx, ctx.json)


def _overlap(ctx: RequestContext) -> float:
    value = ctx.json.get("overlap_seconds")
    if value is None:
        text = _query(ctx, ROTATE_QUERY).get("overlap_seconds", "0")
        return check_overlap(_whole_number(text, "overlap_seconds", None, least=0))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidField("must be a number of seconds", "overlap_seconds")
    return check_overlap(float(value))


def _query(ctx: RequestContext, known: Iterable[str]) -> dict[str, str]:
    """Raises InvalidField for parameters that mean nothing."""
    found = dict(parse_qsl(ctx.query.decode("latin-1"), keep_blank_values=True))
    for name in found:
        if name not in known:
            raise InvalidField(f"unknown parameter{did_you_mean(name, known)}", name[:64])
    return found


def _whole_number(text: str, name: str, most: int | None, least: int = 1) -> int:
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
    if value < least or (most is not None and value > most):
        raise InvalidField(f"must be a whole number from {least}" + (f" to {most}" if most is not None else ""), name)
    return value
