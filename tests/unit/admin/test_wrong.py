"""msgspec's words in ours."""

import pytest

from proxy.admin.plan_fields import PlanBody, read_plan
from proxy.admin.wrong import explained, near
from proxy.core.errors import InvalidField


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        (
            {"entity_type": "USR"},
            "entity_type",
            "must be one of 'API_KEY', 'USER', 'SERVICE', 'DEPARTMENT', 'PROJECT', 'TENANT'; did you mean \"USER\"?",
        ),
        (
            {"default_limits": {"algorithm": "windw"}},
            "default_limits.algorithm",
            "must be one of 'window', 'bucket'; did you mean \"window\"?",
        ),
        ({"model_limits": {"m": {"rpn": 1}}}, "model_limits.rpn", 'unknown field; did you mean "rpm"?'),
        ({"caps": {"raised": {"usd": 1, "til": 2}}}, "caps.raised.til", 'unknown field; did you mean "until"?'),
        ({"wholly": 1}, "wholly", "unknown field; known: entity_type, "),
        ({"entity_id": "a b"}, "entity_id", "must have no white space"),
        ({"entity_id": 5}, "entity_id", "expected `str"),
    ],
)
def test_the_field_and_what_would_be_right(body: object, param: str, says: str) -> None:
    """The values that a choice has, too."""
    with pytest.raises(InvalidField) as refused:
        read_plan(body)  # type: ignore[arg-type]
    assert refused.value.info().param == param
    assert says in refused.value.message


def test_the_nearest_name_or_all() -> None:
    assert near("modles", ("models", "name")) == '; did you mean "models"?'
    assert near("x", ("models", "name")) == "; known: models, name"


def test_a_choice_that_is_not_listed_here_keeps_the_words() -> None:
    assert explained("Invalid enum value 'x' - at `$.other`", lambda path: PlanBody.__struct_fields__).message.endswith(
        "invalid enum value 'x'"
    )
