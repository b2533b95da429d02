"""Bodies in each content-coding."""

import gzip
import zlib

from tests.support.require import require

CODINGS = ("gzip", "x-gzip", "gzip in members", "deflate", "raw deflate", "br", "zstd", "zstd in frames")
_WHY = "an optional coding of the transports (extras brotli and zstd)"


def compress(name: str, data: bytes) -> tuple[bytes, bytes]:
    """Value of Content-Encoding and the encoded body."""
    half = len(data) // 2
    match name:
        case "gzip in members":
            return b"GZIP", gzip.compress(data[:half]) + gzip.compress(data[half:])
        case "gzip" | "x-gzip":
            return name.encode(), gzip.compress(data)
        case "deflate":
            return b"deflate", zlib.compress(data)
        case "raw deflate":
            return b"deflate", zlib.compress(data, wbits=-zlib.MAX_WBITS)
        case "br":
            return b"br", require("brotli", _WHY).compress(data, quality=4)
        case "zstd":
            return b"zstd", require("zstandard", _WHY).compress(data)
        case "zstd in frames":
            module = require("zstandard", _WHY)
            return b"zstd", module.compress(data[:half]) + module.compress(data[half:])
        case _:
            raise AssertionError(name)
