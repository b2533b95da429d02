"""Which response answers which call."""

from proxy.codecs.gemini_generate.calls import Calls


def test_ids_that_came_are_kept() -> None:
    """In whatever order they are answered."""
    calls = Calls()
    assert [calls.called("f", "a"), calls.called("f", "b")] == ["a", "b"]
    assert [calls.answered("f", "b"), calls.answered("f", "a")] == ["b", "a"]


def test_without_ids_name_and_order_decide() -> None:
    """Within the latest turn."""
    calls = Calls()
    old = calls.called("f", None)
    calls.turn = 2
    first, other, second = calls.called("f", None), calls.called("g", None), calls.called("f", None)
    assert len({old, first, other, second}) == 4
    calls.turn = 3
    assert [calls.answered("g", None), calls.answered("f", None), calls.answered("f", None)] == [other, first, second]
    assert calls.answered("f", None) == old


def test_ids_do_not_change_as_the_conversation_grows() -> None:
    """The provider's prompt cache lives by it."""
    short, long = Calls(), Calls()
    first = short.called("f", None)
    assert long.called("f", None) == first
    long.turn = 2
    assert long.called("f", None) != first


def test_a_response_id_without_such_a_call_falls_to_one_without_id() -> None:
    """Else it stands by itself."""
    calls = Calls()
    call = calls.called("f", None)
    assert calls.answered("f", "x") == call
    assert calls.answered("f", "y") == "y"
    assert calls.answered("f", None).startswith("call_")
