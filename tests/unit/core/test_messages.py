"""Canonical messages."""

from proxy.core.messages import Message, TextPart

PARTS = (TextPart(text="a"), TextPart(text="b"))


def test_the_path_of_a_part_is_known_while_it_fits() -> None:
    """A message whose parts a policy has changed in number no longer knows."""
    message = Message(role="user", content=PARTS, path="contents[0]", part_paths=("contents[0].parts[0]", "contents[0].parts[2]"))
    assert message.path_of(1) == "contents[0].parts[2]"
    assert Message(role="user", content=PARTS[:1], path="contents[0]", part_paths=message.part_paths).path_of(0) is None
    assert Message(role="user", content=PARTS, path="messages[0]").path_of(0) is None
