"""The measurement of look-ups measures look-ups."""

from pathlib import Path

import pytest

from benchmarks.keys import TENANTS, fill, fill_plans, look_ups, look_ups_of_plan_keys, look_ups_with_plans, start


async def test_plans_are_looked_up_with_their_keys(tmp_path: Path) -> None:
    """Of keys, and of keys that are nothing but plans; a key that is nobody's would be no measurement."""
    path = tmp_path / "keys.db"
    keys, lab_keys = await fill(path, 30), await fill_plans(path, TENANTS + 40)
    assert len(lab_keys) == 20
    assert len(await look_ups_with_plans(path, keys, 8)) == 30
    assert len(await look_ups_of_plan_keys(path, lab_keys, 1)) == 20
    with pytest.raises(AssertionError):
        await look_ups_of_plan_keys(path, ["lab-key-of-nobody-at-all"], 1)


async def test_each_key_is_looked_up_once(tmp_path: Path) -> None:
    """In a store of signed and opaque keys, one by one and several at once; a gateway starts over it."""
    path = tmp_path / "keys.db"
    keys = await fill(path, 30)
    assert len(set(keys)) == 30
    for at_once in (1, 8):
        assert len(await look_ups(path, keys, at_once)) == 30
    assert (await start(path))["start_s"] > 0
