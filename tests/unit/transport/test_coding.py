"""Content codings, piece by piece."""

import gzip
import zlib

import pytest

from proxy.transport.coding import CodingError, ExpandsTooFar, decoder_for, decoders
from tests.contract.transport.codings import CODINGS, compress

TEXT = b"".join(b"%d and some text\n" % number for number in range(3000))


@pytest.mark.parametrize("name", CODINGS)
@pytest.mark.parametrize("step", [1, 7, 1000, 10**6])
def test_any_cut(name: str, step: int) -> None:
    """However the input is cut, the output is the same, and the end is seen only at the end."""
    coding, data = compress(name, TEXT)
    decoder = decoder_for(coding, decoders())
    assert decoder is not None
    assert decoder.ended
    out = b""
    for start in range(0, len(data), step):
        out += decoder.feed(data[start : start + step], 10**6)
        if start + step < len(data) and "in " not in name:
            assert not decoder.ended
    assert (out, decoder.ended) == (TEXT, True)


@pytest.mark.parametrize("name", ["gzip", "deflate", "raw deflate", "br", "zstd"])
def test_limit(name: str) -> None:
    """Exactly the limit passes, one byte more does not."""
    coding, data = compress(name, bytes(1_000_000))
    table = decoders()
    decoder = decoder_for(coding, table)
    assert decoder is not None
    assert len(decoder.feed(data, 1_000_000)) == 1_000_000
    again = decoder_for(coding, table)
    assert again is not None
    with pytest.raises(ExpandsTooFar):
        again.feed(data, 999_999)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_garbage(name: str) -> None:
    """Bytes of nothing are a CodingError."""
    decoder = decoder_for(compress(name, b"")[0], decoders())
    assert decoder is not None
    with pytest.raises(CodingError):
        decoder.feed(b"\xff" * 100, 1000)


def test_garbage_after_the_end() -> None:
    """What follows a whole gzip member must be another one."""
    decoder = decoder_for(b"gzip", decoders())
    assert decoder is not None
    with pytest.raises(CodingError):
        decoder.feed(gzip.compress(b"x") + b"tail", 1000)


def test_one_byte_of_deflate() -> None:
    """A deflate body of a single byte is unfinished, not empty."""
    decoder = decoder_for(b"deflate", decoders())
    assert decoder is not None
    assert decoder.feed(b"\x78", 10) == b""
    assert not decoder.ended
    assert decoder.feed(zlib.compress(b"abc")[1:], 10) == b"abc"


@pytest.mark.parametrize("coding", [b"", b"identity", b" Identity "])
def test_nothing_to_undo(coding: bytes) -> None:
    """identity needs no decoder."""
    assert decoder_for(coding, decoders()) is None


def test_optional_codings_may_be_missing() -> None:
    """Without their packages br and zstd are unknown, the others are not."""
    table = decoders(("no_such_package_br", "no_such_package_zstd"))
    assert sorted(table) == [b"deflate", b"gzip", b"x-gzip"]
    decoder = decoder_for(b"br", table)
    assert decoder is not None
    with pytest.raises(CodingError, match="unknown content-coding b'br'"):
        decoder.feed(b"x", 10)
