"""Whom a principal is metered as."""

import pytest

from proxy.core.entities import Entity
from proxy.core.errors import BadRequest, Forbidden
from proxy.core.identity import Principal
from proxy.governance.acting import Acting

PLAIN = Principal(key_id="k", tenant="t", service="own", user="ada")
ACTING = Principal(key_id="k2", tenant="t", service="own", user="ada", scopes=frozenset({"act_as"}))
LISTED = Principal(key_id="k3", tenant="t", service="own", scopes=frozenset({"act_as:billing"}))
ADMIN = Principal(key_id="k4", tenant="t", role="admin")


def acted(principal: Principal, **headers: str) -> Principal:
    return Acting().acting(principal, {f"x-{name.replace('_', '-')}".encode(): value.encode() for name, value in headers.items()})


@pytest.mark.parametrize("principal", [ACTING, LISTED, ADMIN])
def test_a_service_by_name(principal: Principal) -> None:
    """In the principal's tenant, in place of its own service; the key goes on counting."""
    found = acted(principal, service_id=" billing ")
    entity = Entity("SERVICE", "billing", "t")
    assert (found.metered, found.service) == (entity, "billing")
    assert found.entities().count(entity) == 1
    assert Entity("SERVICE", "own", "t") not in found.entities()
    assert found.entities()[0] == Entity("API_KEY", principal.key_id, "t")
    assert found.entities()[-1] == Entity("TENANT", "t", "t")


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("eve", Entity("USER", "eve", "t")),
        ("USER:eve", Entity("USER", "eve", "t")),
        ("SERVICE:a b", Entity("SERVICE", "a b", "t")),
        ("DEPARTMENT:x:y", Entity("DEPARTMENT", "x:y", "t")),
        ("PROJECT:p", Entity("PROJECT", "p", "t")),
        ("user:eve", Entity("USER", "user:eve", "t")),
        ("urn:x", Entity("USER", "urn:x", "t")),
    ],
)
def test_any_entity_by_identifier(text: str, entity: Entity) -> None:
    """A user where no type is named."""
    assert acted(ACTING, identifier=text).metered == entity


def test_oneself_may_be_named() -> None:
    """Clients that always send the header need no scope."""
    assert acted(PLAIN, service_id="own").metered == Entity("SERVICE", "own", "t")
    assert acted(PLAIN, identifier="ada").metered == Entity("USER", "ada", "t")


@pytest.mark.parametrize(
    ("principal", "headers"),
    [
        (PLAIN, {"service_id": "billing"}),
        (PLAIN, {"identifier": "eve"}),
        (LISTED, {"service_id": "payroll"}),
        (LISTED, {"identifier": "billing"}),
        (LISTED, {"identifier": "PROJECT:billing"}),
    ],
)
def test_others_are_refused(principal: Principal, headers: dict[str, str]) -> None:
    """A header that is passed over would make its sender believe that another one pays."""
    with pytest.raises(Forbidden, match="act_as") as caught:
        acted(principal, **headers)
    assert (caught.value.code, caught.value.status) == ("scope_required", 403)
    assert caught.value.param in ("X-Service-ID", "X-IDENTIFIER")


@pytest.mark.parametrize("value", ["", " ", "a\x01b", "{a}", "x" * 129, "ä"])
def test_what_is_no_id(value: str) -> None:
    """Also of a principal that may."""
    with pytest.raises(BadRequest, match="X-Service-ID must be"):
        acted(ACTING, service_id=value)


def test_what_cannot_be_named() -> None:
    """Keys and tenants are who one is, not whom one acts for; nor two at once."""
    for text in ("TENANT:other", "API_KEY:k9", "USER:"):
        with pytest.raises(BadRequest, match="can be named"):
            acted(ACTING, identifier=text)
    with pytest.raises(BadRequest, match="one of them"):
        acted(ACTING, identifier="a", service_id="b")


def test_the_same_two_are_the_same_again() -> None:
    """Limits are prepared once for each principal; another principal of the same key is judged anew."""
    acting, headers = Acting(), {b"x-service-id": b"billing"}
    assert acting.acting(ACTING, headers) is acting.acting(ACTING, headers)
    with pytest.raises(Forbidden):
        acting.acting(Principal(key_id="k2", tenant="t"), headers)


def test_it_remembers_only_so_many() -> None:
    """A key with the scope can name anybody."""
    acting = Acting()
    for n in range(10_050):
        acting.acting(ACTING, {b"x-identifier": b"u%d" % n})
    assert len(acting._known) <= 10_000
