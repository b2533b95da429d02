"""What is kept for the same dialect."""

from proxy.codecs.bedrock_converse.shape import Shape


def test_a_message_is_told_of_its_own_fields_alone() -> None:
    """Relative to it."""
    shape = Shape()
    shape.telling = {"messages[1].content[0].guardContent": {}, "messages[10].content[0].guardContent": {}}
    assert shape.told_of("messages[1]") == {"content[0].guardContent": {}}
    assert shape.told_of("messages[2]") == {}
