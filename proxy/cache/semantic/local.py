"""Vectors by a small model in the process: static word vectors, averaged (wordllama, 16 MB, 0.3 ms a question; the weights are in the
package, nothing is downloaded). It knows single words as well, which makes the guards sharper."""

from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from proxy.cache.semantic.embedder import Embedder, Vector, unit

HINT = "needs a package that is not installed: pip install 'llm-edge[semantic]'"
_WORDS_KEPT = 8192


class LocalEmbedder:
    """Raises ModuleNotFoundError without the extra, after 0.25 s of loading with it."""

    name = "wordllama-l2-supercat-256"

    def __init__(self) -> None:
        package: Any = import_module("wordllama")
        folder = Path(package.__file__).parent
        self._model: Any = package.WordLlama.load(cache_dir=folder, disable_download=True)
        self._word = lru_cache(_WORDS_KEPT)(self._vector)

    async def embed(self, text: str) -> Vector | None:
        return self._vector(text)

    def alike(self, one: str, other: str) -> float | None:
        a, b = self._word(one), self._word(other)
        return None if a is None or b is None else float(a @ b)

    def _vector(self, text: str) -> Vector | None:
        return unit(self._model.embed([text])[0])


_: type[Embedder] = LocalEmbedder
