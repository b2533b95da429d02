"""Embedding requests, both ways.

Source: OpenAI API reference, "Create embeddings"; openai-python 3 types, read 2026-11-25. `input` is a string, an array of strings, an
array of token ids or an array of such arrays; at most 2048 of them, none empty. Null means absent.
"""

from typing import Any, cast

from proxy.codecs.base import Encoded, InvalidBody
from proxy.codecs.openai_chat.fields import integer, optional, required, string
from proxy.core.embeddings import EmbeddingInput, EmbeddingRequest, Encoding

DIALECT = "openai_embeddings"
MAX_INPUTS = 2048
_OWN = frozenset({"model", "input", "dimensions", "encoding_format", "user"})
_ENCODINGS = ("float", "base64")


def decode_request(body: dict[str, Any]) -> EmbeddingRequest:
    if not body.get("model"):
        raise InvalidBody("Model is required", "model")
    inputs, single = decode_input(body.get("input"))
    encoding = decode_encoding(body)
    return EmbeddingRequest(
        dialect=DIALECT,
        model=required(body, "model", string, ""),
        inputs=inputs,
        single=single,
        dimensions=optional(body, "dimensions", integer(1), ""),
        encoding=encoding,
        user=optional(body, "user", string, ""),
        extra={key: value for key, value in body.items() if key not in _OWN},
        paths={"inputs": "input", "encoding": "encoding_format"},
    )


def encode_request(request: EmbeddingRequest) -> Encoded:
    same = request.dialect == DIALECT
    dropped = []
    inputs = [text if isinstance(text, str) else list(text) for text in request.inputs]
    body: dict[str, Any] = {"model": request.model, "input": inputs[0] if request.single and len(inputs) == 1 else inputs}
    for key, value in (("dimensions", request.dimensions), ("encoding_format", request.encoding), ("user", request.user)):
        if value is not None:
            body[key] = value
    if request.normalize is False:
        # This API's vectors have length 1 in any case.
        dropped.append(request.path_of("normalize"))
    if same:
        body.update(request.extra)
    else:
        dropped += [key for key, value in request.extra.items() if value is not None]
    return Encoded(body, tuple(dropped))


def decode_encoding(body: dict[str, Any]) -> Encoding | None:
    encoding = optional(body, "encoding_format", string, "")
    if encoding is not None and encoding not in _ENCODINGS:
        raise InvalidBody("encoding_format must be float or base64", "encoding_format")
    return cast("Encoding | None", encoding)


def decode_input(value: Any) -> tuple[tuple[EmbeddingInput, ...], bool]:
    """The inputs, and whether it was one alone. Raises InvalidBody at the first that is none."""
    if value is None:
        raise InvalidBody("input is required", "input")
    if isinstance(value, str):
        return (_one(value, "input"),), True
    if not isinstance(value, list):
        raise InvalidBody("input must be a string, an array of strings, or arrays of token ids", "input")
    if not value:
        raise InvalidBody("input cannot be empty", "input")
    if _is_id(value[0]):
        return (_tokens(value, "input"),), True
    if len(value) > MAX_INPUTS:
        raise InvalidBody(f"input has {len(value)} items, at most {MAX_INPUTS} are allowed", "input")
    kind = type(value[0])
    for i, item in enumerate(value):
        if type(item) is not kind:
            raise InvalidBody(f"input[{i}] is of another type than input[0]", f"input[{i}]")
    return tuple(_one(item, f"input[{i}]") for i, item in enumerate(value)), False


def count(body: dict[str, Any]) -> int:
    value = body["input"]
    return 1 if isinstance(value, str) or _is_id(value[0]) else len(value)


def _one(value: Any, path: str) -> EmbeddingInput:
    if isinstance(value, str):
        if not value:
            raise InvalidBody(f"{path} cannot be an empty string", path)
        return value
    if isinstance(value, list) and value:
        return _tokens(value, path)
    raise InvalidBody(f"{path} must be a string or an array of token ids", path)


def _tokens(value: list[Any], path: str) -> tuple[int, ...]:
    for i, item in enumerate(value):
        if not _is_id(item):
            raise InvalidBody(f"{path}[{i}] must be a token id", f"{path}[{i}]")
    return tuple(value)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
