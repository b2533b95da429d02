"""Usage plans in the AWS lab's table: what it wrote is read, what we write it can read."""

from typing import Any

import pytest

from proxy.core.entities import Caps, Limits
from proxy.core.errors import Unavailable
from proxy.storage.dynamodb_plans import DynamoPlans, from_plan_item, to_plan_item
from proxy.storage.dynamodb_url import parse
from proxy.storage.dynamodb_values import from_item, to_item
from proxy.storage.plans import Plan
from tests.support.dynamo import client_of, dynamo_url, dynamodb

__all__ = ["dynamo_url", "dynamodb"]

LAB_ROW: dict[str, Any] = {
    "usage_id": "0b1c",
    "entity_id": "ann",
    "entity_type": "USER",
    "tenant_id": "SYSTEM",
    "budget_id": None,
    "model_permissions": ["*"],
    "active": True,
    "default_limits": {"input_tpm": 40000, "output_tpm": 10000, "rpm": 60},
    "model_limits": {"anthropic.claude-3-haiku": {"input_tpm": 1000, "output_tpm": 500, "rpm": 10}},
    "metadata": {"owner": "lab"},
    "created_at": 1714000000,
}
LAB_LIMITS = Limits(input_tpm=40_000, output_tpm=10_000, rpm=60)


def item_of(row: dict[str, Any]) -> dict[str, Any]:
    """As the lab's SDK writes it: with its nulls."""
    return to_item(row) | {name: {"NULL": True} for name, value in row.items() if value is None}


def test_a_row_of_the_labs_is_read() -> None:
    """Every field."""
    assert from_plan_item(item_of(LAB_ROW)) == Plan(
        usage_id="0b1c",
        entity_type="USER",
        entity_id="ann",
        default_limits=LAB_LIMITS,
        model_limits={"anthropic.claude-3-haiku": Limits(input_tpm=1000, output_tpm=500, rpm=10)},
        metadata={"owner": "lab"},
        created_at=1714000000.0,
    )


@pytest.mark.parametrize(
    "left_out", [(), ("default_limits", "model_limits", "metadata", "budget_id", "active", "tenant_id", "usage_id", "created_at")]
)
def test_its_defaults_hold_where_it_says_nothing(left_out: tuple[str, ...]) -> None:
    """40 000, 10 000 and 60, for a model's limits too."""
    row = {name: value for name, value in LAB_ROW.items() if name not in left_out} | {"model_limits": {"m": {"rpm": 5}}}
    plan = from_plan_item(item_of(row))
    assert plan.default_limits == LAB_LIMITS
    assert plan.model_limits == {"m": Limits(input_tpm=40_000, output_tpm=10_000, rpm=5)}
    assert (plan.active, plan.tenant, plan.version) == (True, "SYSTEM", 1)
    assert plan.usage_id


def test_a_decimal_epoch_is_read() -> None:
    """Pydantic's floats become DynamoDB's decimals."""
    assert from_plan_item(item_of(LAB_ROW) | {"created_at": {"N": "1714000000.75"}}).created_at == 1714000000.75


def test_ours_are_rows_that_the_lab_reads() -> None:
    """Its attributes with its names and types; no limit of ours is one of its defaults."""
    plan = Plan(
        usage_id="u", entity_type="API_KEY", entity_id="ab12", default_limits=Limits(rpm=3), caps=Caps(monthly=5), created_at=1714000000.25
    )
    row = to_plan_item(plan)
    kinds = {name: next(iter(value)) for name, value in row.items()}
    assert {name: kinds[name] for name in LAB_ROW} == {
        "usage_id": "S",
        "entity_id": "S",
        "entity_type": "S",
        "tenant_id": "S",
        "budget_id": "NULL",
        "model_permissions": "L",
        "active": "BOOL",
        "default_limits": "M",
        "model_limits": "M",
        "metadata": "M",
        "created_at": "N",
    }
    assert from_item(row)["created_at"] == 1714000000
    assert from_plan_item(row) == plan


@pytest.mark.parametrize("change", [{"entity_type": "KING"}, {"default_limits": {"rpm": "many"}}, {"created_at": "now"}, {"metadata": 7}])
def test_a_row_that_nobody_wrote_is_unavailable(change: dict[str, Any]) -> None:
    """An unreadable plan is not a missing one."""
    with pytest.raises(Unavailable, match="unreadable"):
        from_plan_item(item_of(LAB_ROW | change))


async def test_the_labs_rows_are_changed_and_deleted(dynamo_url: str) -> None:
    """One without a version has the first."""
    plans = DynamoPlans(dynamo_url)
    put = client_of(dynamo_url).put_item
    put(TableName=parse(dynamo_url).plans_table, Item=item_of({name: value for name, value in LAB_ROW.items() if name != "tenant_id"}))
    found = await plans.get("SYSTEM", "USER", "ann")
    assert found is not None
    assert (await plans.list(tenant="SYSTEM")) == [found]
    changed = Plan(usage_id=found.usage_id, entity_type="USER", entity_id="ann", active=False, created_at=found.created_at, version=2)
    assert not await plans.replace(changed, 3)
    assert await plans.replace(changed, 1)
    assert await plans.get("SYSTEM", "USER", "ann") == changed
    assert await plans.delete("SYSTEM", "USER", "ann")
    await plans.aclose()


async def test_an_id_that_looks_like_anothers_is_not_it(dynamo_url: str) -> None:
    """`t#x` of one tenant is not `x` of tenant t."""
    plans = DynamoPlans(dynamo_url)
    for n, (tenant, entity_id) in enumerate([("u", "x"), ("t", "x"), ("t", "t#x"), ("u", "t#x")]):
        await plans.create(Plan(usage_id=str(n), entity_type="USER", entity_id=entity_id, tenant=tenant, created_at=1.0))
    for n, (tenant, entity_id) in enumerate([("u", "x"), ("t", "x"), ("t", "t#x"), ("u", "t#x")]):
        found = await plans.get(tenant, "USER", entity_id)
        assert found is not None
        assert found.usage_id == str(n)
    assert await plans.delete("t", "USER", "x")
    assert await plans.get("t", "USER", "t#x") is not None
    await plans.aclose()
