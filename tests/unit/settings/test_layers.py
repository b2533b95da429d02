"""How sources lie over each other."""

from proxy.settings.layers import Layer, merge


def test_mappings_merge_and_lists_are_replaced() -> None:
    """The last layer wins key by key."""
    low = Layer({"server": {"host": "a", "port": 1}, "list": [1, 2]})
    high = Layer({"server": {"port": 2}, "list": [3]})
    assert merge([low, high]).data == {"server": {"host": "a", "port": 2}, "list": [3]}


def test_merging_changes_no_source() -> None:
    """They may be merged again on reload."""
    low, high = Layer({"a": {"b": 1}}), Layer({"a": {"c": 2}})
    merge([low, high])
    assert (low.data, high.data) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def test_origins_follow_the_values() -> None:
    """A replaced list forgets the places of its old members."""
    low = Layer({"a": {"x": [1]}}, {("a",): "low", ("a", "x"): "low:1", ("a", "x", 0): "low:2"})
    high = Layer({"a": {"x": [2], "y": {"z": 1}}}, {("a",): "high"})
    merged = merge([low, high])
    assert merged.origin(("a", "x", 0)) == "high"
    assert merged.origin(("b",)) == ""


def test_a_mapping_replaces_a_plain_value() -> None:
    """And the other way round."""
    assert merge([Layer({"a": 1}), Layer({"a": {"b": 1}})]).data == {"a": {"b": 1}}
    assert merge([Layer({"a": {"b": 1}}), Layer({"a": 1})]).data == {"a": 1}


def test_put_get_and_drop() -> None:
    """Values stand under their path with their origin."""
    layer = Layer()
    layer.put(("a", "b"), 1, "here")
    assert layer.get(("a", "b")) == 1
    assert layer.get(("a", "c", "d")) is None
    assert layer.holds(("a", "b"))
    assert not layer.holds(("a", "c"))
    layer.drop(("a", "b"))
    assert layer.get(("a", "b")) is None
    assert layer.origins == {}


def test_places_in_a_given_list_are_given() -> None:
    """A list comes whole."""
    assert Layer({"a": [1]}).holds(("a", 0))


def test_put_makes_room_for_itself() -> None:
    """A value in the way gives way."""
    layer = Layer({"a": 1})
    layer.put(("a", "b"), 2, "here")
    assert layer.data == {"a": {"b": 2}}
