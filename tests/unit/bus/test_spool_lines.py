"""Lines of a spool survive being cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.bus.spool_lines import pack, torn, unpack

PAYLOADS = st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b""))


@given(st.lists(st.tuples(st.sampled_from([b"b", b"e"]), PAYLOADS), max_size=6), st.data())
def test_what_was_written_whole_is_read(lines: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    """Up to the cut; never a line that was not written, never half of one."""
    packed = [pack(kind, b"%d" % n, payload) for n, (kind, payload) in enumerate(lines)]
    whole = b"".join(packed)
    cut = data.draw(st.integers(0, len(whole)))
    read = list(unpack(whole[:cut]))
    assert [(line.kind.encode(), line.payload) for line in read] == lines[: len(read)]
    assert len(read) == sum(len(b"".join(packed[: n + 1])) <= cut for n in range(len(packed)))
    if read:
        assert read[-1].end == len(b"".join(packed[: len(read)]))


def test_a_damaged_line_is_passed_over() -> None:
    """Those around it are not."""
    good = pack(b"e", b"1", b"one")
    bad = pack(b"e", b"2", b"two").replace(b"two", b"twx")
    assert [line.id for line in unpack(good + bad + b"nonsense\n" + pack(b"e", b"3", b"three"))] == ["1", "3"]
    assert torn(good + bad + b"nonsense\n") == 2


@pytest.mark.parametrize(("id_", "payload"), [(b"a b", b""), (b"a\n", b""), (b"a", b"x\ny")])
def test_what_would_break_a_line_is_refused(id_: bytes, payload: bytes) -> None:
    """Nothing of the gateway's own has such ids."""
    with pytest.raises(ValueError, match="line end"):
        pack(b"e", id_, payload)
