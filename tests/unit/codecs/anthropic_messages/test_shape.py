"""What is remembered of the client's spelling."""

from proxy.codecs.anthropic_messages.shape import Residue, restore, told_of

REQUIRED, OPTIONAL = frozenset({"type"}), frozenset({"note"})


def test_nothing_is_kept_of_a_plain_object() -> None:
    """An object whose fields all have their place leaves no residue."""
    residue = Residue()
    residue.keep({"type": "x"}, "p", REQUIRED, OPTIONAL)
    residue.keep({"type": "x", "note": "n"}, "q", REQUIRED, OPTIONAL)
    assert (residue.fields, residue.telling) == ({}, {})


def test_spelling_is_kept_but_not_told() -> None:
    """null, false and empty values say nothing to another dialect."""
    residue = Residue()
    residue.keep({"type": "x", "note": None, "odd": False}, "p", REQUIRED, OPTIONAL)
    assert residue.fields == {"p": {"note": None, "odd": False}}
    assert residue.telling == {}


def test_telling_fields_are_told_below_their_message() -> None:
    """A field that means something is reported relative to its message, and only to that one."""
    residue = Residue()
    residue.keep({"type": "x", "odd": 1}, "messages[1].content[0]", REQUIRED, OPTIONAL)
    assert told_of(residue.telling, "messages[1]") == {"content[0].odd": 1}
    assert told_of(residue.telling, "messages[10]") == {}
    assert told_of({}, "messages[1]") == {}


def test_a_direct_caller_says_nothing() -> None:
    """`caller: direct` is what a tool call means everywhere."""
    residue = Residue()
    residue.keep({"type": "tool_use", "caller": {"type": "direct"}}, "p", REQUIRED, OPTIONAL)
    assert residue.telling == {}
    assert restore({"type": "tool_use"}, "p", residue.fields) == {"type": "tool_use", "caller": {"type": "direct"}}


def test_residue_of_one_type_stays_off_another() -> None:
    """Nothing is restored onto a block of another type."""
    assert restore({"type": "text"}, "p", {"p": {"type": "image", "odd": 1}}) == {"type": "text"}
