"""What turns a text into a vector."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]
else:
    Vector = object


class Embedder(Protocol):
    name: str
    """Of the model: vectors of different ones are never compared."""

    async def embed(self, text: str) -> Vector | None:
        """Of length 1. None: not now (a slow or failing deployment); the look-up is a miss."""
        ...

    def alike(self, one: str, other: str) -> float | None:
        """How near two words are, -1 to 1; None: it cannot tell."""
        ...


def unit(values: Vector) -> Vector | None:
    """Scaled to length 1; None for one without a direction."""
    import numpy as np

    length = float(np.linalg.norm(values))
    return (values / np.float32(length)).astype(np.float32) if np.isfinite(length) and length > 0 else None
