"""The measurement of look-ups measures look-ups."""

from pathlib import Path

from benchmarks.keys import fill, look_ups, start


async def test_each_key_is_looked_up_once(tmp_path: Path) -> None:
    """In a store of signed and opaque keys, one by one and several at once; a gateway starts over it."""
    path = tmp_path / "keys.db"
    keys = await fill(path, 30)
    assert len(set(keys)) == 30
    for at_once in (1, 8):
        assert len(await look_ups(path, keys, at_once)) == 30
    assert (await start(path))["start_s"] > 0
