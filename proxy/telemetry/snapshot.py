"""The values of one process at one moment as plain data: what workers send to their supervisor and what is rendered."""

import msgspec


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One series. `values`: one number, or of a histogram its count per bucket (not cumulative, the last is +Inf) and then the sum."""

    family: str
    labels: tuple[str, ...]
    values: tuple[float, ...]


Snapshot = tuple[Sample, ...]

_decoder = msgspec.msgpack.Decoder(Snapshot)
encode_snapshot = msgspec.msgpack.Encoder().encode


def decode_snapshot(raw: bytes) -> Snapshot:
    """Raises msgspec.DecodeError."""
    return _decoder.decode(raw)
