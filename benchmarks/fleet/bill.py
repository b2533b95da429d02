"""What a provider would bill: usage that differs from what the gateway estimates by -50 to +100 %, drawn for each request by its mark."""

import re
from random import Random

import msgspec

INPUT_NANOS = 10_000
OUTPUT_NANOS = 100_000
"""A token, at 10 and 100 USD a million."""
USUAL_OUTPUT = 300
MAX_TOKENS = 600
MARK = re.compile(rb"\[ask ([0-9a-f]{32})\]")
"""What the client puts into its message; the trace id of its request."""
MEAN_BODY = 400
"""Bytes, about."""


class Charge(msgspec.Struct):
    """A line of the provider's bill. Times are unix seconds."""

    mark: str
    arrived: float
    prompt: int
    completion: int
    stream: bool = False
    whole: bool = False
    """The answer was written to its end; billed is all the same."""

    @property
    def nanos(self) -> int:
        return self.prompt * INPUT_NANOS + self.completion * OUTPUT_NANOS


def differing(rng: Random) -> float:
    """0.5 to 2, as often below 1 as above."""
    factor: float = 2.0 ** rng.uniform(-1.0, 1.0)
    return factor


def charge(mark: str, body_bytes: int, arrived: float, seed: int, *, stream: bool, most: int = MAX_TOKENS) -> Charge:
    """The estimates: a quarter of the body's bytes, and what the model usually answers. `most`: the tokens that the request allows."""
    rng = Random(f"{seed}/{mark}")
    prompt = max(1, round(body_bytes / 4 * differing(rng)))
    return Charge(mark, arrived, prompt, min(round(USUAL_OUTPUT * differing(rng)), most), stream)


def expected_nanos(requests: float) -> float:
    """Of so many, on average."""
    factor = 1.5 / 1.3863  # the mean of 2 to the power of what is even from -1 to 1
    return requests * factor * (MEAN_BODY / 4 * INPUT_NANOS + USUAL_OUTPUT * OUTPUT_NANOS)
