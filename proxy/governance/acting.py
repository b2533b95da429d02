"""Whom a request is metered as: `X-Service-ID` names a service, `X-IDENTIFIER` a user (or `TYPE:id`, of any type but API_KEY and TENANT).

Only for principals with the scope `act_as`, or, for a service, with that service on the list of the token's client
(`auth.jwt[].services`); to name oneself is always allowed. Everybody else is refused with 403: were the header passed over, the sender
would believe that another one is metered. The named entity is of the principal's own tenant. It takes the place of the principal's own
entity of its type; the key itself goes on counting, so that made-up names open no door to fresh limits.
"""

import re

import msgspec

from proxy.core.entities import ENTITY_TYPES, Entity, EntityType
from proxy.core.errors import BadRequest, Forbidden
from proxy.core.identity import ACT_AS, Principal

SERVICE_HEADER, IDENTIFIER_HEADER = b"x-service-id", b"x-identifier"
_ID = re.compile(r"[!-z|~](?:[ -z|~]{0,126}[!-z|~])?")
"""Printable ASCII without braces."""
_FIELDS: dict[EntityType, str] = {"USER": "user", "SERVICE": "service", "DEPARTMENT": "team", "PROJECT": "project"}
_MAX_KNOWN = 10_000


class Acting:
    """Remembers who acts as whom, so that the same two are the same principal again: limits are prepared once for each."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes, bytes], tuple[Principal, Principal]] = {}

    def acting(self, principal: Principal, headers: dict[bytes, bytes]) -> Principal:
        """Raises BadRequest, Forbidden. To be called where one of the headers is there."""
        place = (principal.key_id, headers.get(SERVICE_HEADER, b""), headers.get(IDENTIFIER_HEADER, b""))
        known = self._known.get(place)
        if known is not None and known[0] is principal:
            return known[1]
        found = _acting(principal, headers)
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[place] = (principal, found)
        return found


def _acting(principal: Principal, headers: dict[bytes, bytes]) -> Principal:
    service, identifier = headers.get(SERVICE_HEADER), headers.get(IDENTIFIER_HEADER)
    if service is not None and identifier is not None:
        raise BadRequest("X-Service-ID and X-IDENTIFIER name two: send one of them", param="X-IDENTIFIER")
    if service is not None:
        name, type_, id_ = "X-Service-ID", _FIELD_SERVICE, _text(service, "X-Service-ID")
    else:
        name, (type_, id_) = "X-IDENTIFIER", _typed(_text(identifier or b"", "X-IDENTIFIER"))
    field = _FIELDS[type_]
    if getattr(principal, field) != id_ and not principal.has_scope(ACT_AS) and f"{ACT_AS}:{id_}" not in _services(principal, type_):
        raise Forbidden(
            f"{name} names another one to be metered, which needs the scope {ACT_AS}: leave the header out, or let an administrator grant "
            "the scope to the key (for tokens: list the id in auth.jwt[].services)",
            code="scope_required",
            param=name,
        )
    entity = Entity(type_, id_, principal.tenant)
    return msgspec.structs.replace(principal, metered=entity, **{field: id_})


_FIELD_SERVICE: EntityType = "SERVICE"


def _services(principal: Principal, type_: EntityType) -> frozenset[str]:
    return principal.scopes if type_ == "SERVICE" else frozenset()


def _typed(text: str) -> tuple[EntityType, str]:
    word, colon, id_ = text.partition(":")
    for type_ in ENTITY_TYPES:
        if colon and word == type_:
            if type_ not in _FIELDS or not id_:
                raise BadRequest(f"X-IDENTIFIER: {', '.join(_FIELDS)} and an id can be named, as in USER:ada", param="X-IDENTIFIER")
            return type_, id_
    return "USER", text


def _text(value: bytes, name: str) -> str:
    text = value.decode("latin-1").strip()
    if not _ID.fullmatch(text):
        raise BadRequest(f"{name} must be an id of 1 to 128 printable ASCII characters without braces", param=name)
    return text
