"""Amazon Titan Text Embeddings, G1 and V2: one text a call.

Source: Bedrock user guide, "Amazon Titan Embeddings Text", read 2026-11-25.
"""

from collections.abc import Mapping
from typing import Any

from proxy.codecs.base import BodyFacts, EmbeddingsCodec, Encoded, InvalidBody
from proxy.codecs.bedrock_converse.errors import decode_error, encode_error
from proxy.codecs.bedrock_invoke.family import DIALECT, family_of
from proxy.codecs.jsonbody import parse_object
from proxy.codecs.openai_chat.fields import boolean, integer, optional, record, required, string
from proxy.codecs.vectors import numbers
from proxy.core.embeddings import Embedding, EmbeddingRequest, EmbeddingResponse
from proxy.core.errors import ErrorInfo
from proxy.core.response import Usage

_OWN = frozenset({"model", "stream", "inputText", "dimensions", "normalize"})


class TitanEmbeddingsCodec:
    """A request for several texts, or for token ids, is an InvalidBody: the caller sends a call a text."""

    name = DIALECT
    max_inputs = 1

    def takes(self, model: str) -> bool:
        """An ARN may stand for any model: that of a provisioned one or of a profile says nothing."""
        family = family_of(model)
        return family == "titan_embed" or (family is None and model.startswith("arn:"))

    def count(self, body: dict[str, Any]) -> int:
        return 1

    def decode_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> EmbeddingRequest:
        text = required(body, "inputText", string, "")
        if not text:
            raise InvalidBody("inputText must not be empty", "inputText")
        return EmbeddingRequest(
            dialect=DIALECT,
            model=required(body, "model", string, ""),
            inputs=(text,),
            single=True,
            dimensions=optional(body, "dimensions", integer(1), ""),
            normalize=optional(body, "normalize", boolean, ""),
            extra={key: value for key, value in body.items() if key not in _OWN},
            paths={"inputs": "inputText"},
        )

    def encode_request(self, request: EmbeddingRequest) -> Encoded:
        """`dimensions` is V2's alone; the vectors are floats whatever the client asked for, and turned into what it asked for later."""
        path = request.path_of("inputs")
        if len(request.inputs) != 1:
            raise InvalidBody(f"{path}: Titan takes one text a request, not {len(request.inputs)}", path)
        text = request.inputs[0]
        if not isinstance(text, str):
            raise InvalidBody(f"{path}: Titan takes text, not token ids", path)
        dropped = []
        body: dict[str, Any] = {"model": request.model, "stream": False, "inputText": text}
        for name in ("dimensions", "normalize"):
            value = getattr(request, name)
            if value is not None and "-v1" in request.model:
                dropped.append(request.path_of(name))
            elif value is not None:
                body[name] = value
        if request.user is not None:
            dropped.append(request.path_of("user"))
        if request.dialect == DIALECT:
            body |= request.extra
        else:
            dropped += [key for key, value in request.extra.items() if value is not None]
        return Encoded(body, tuple(dropped))

    def decode_response(self, body: bytes) -> EmbeddingResponse:
        """The floats; vectors of other types (`embeddingsByType`) stay in `extra`."""
        answer = parse_object(body)
        by_type = optional(answer, "embeddingsByType", record, "") or {}
        vector = answer.get("embedding", by_type.get("float"))
        if vector is None:
            raise InvalidBody("embedding is required", "embedding")
        values = numbers(vector, "embedding")
        tokens = optional(answer, "inputTextTokenCount", integer(0), "")
        return EmbeddingResponse(
            model="",
            data=(Embedding(index=0, values=values),),
            usage=None if tokens is None else Usage(input_tokens=tokens),
            extra={key: value for key, value in answer.items() if key not in ("embedding", "inputTextTokenCount")},
        )

    def encode_response(self, response: EmbeddingResponse, request: EmbeddingRequest | None = None) -> Encoded:
        """The first vector, and its like by type as V2 answers; of several the others are reported."""
        if not response.data:
            raise InvalidBody("data is empty", "data")
        try:
            values = list(response.data[0].floats())
        except ValueError as exc:
            raise InvalidBody(f"data[0].embedding is {exc}", "data[0].embedding") from None
        own = {"embeddingsByType": response.extra.get("embeddingsByType", {"float": values})}
        dropped = [f"data[{i}]" for i in range(1, len(response.data))]
        dropped += [key for key in response.extra if key != "embeddingsByType"]
        tokens = response.usage.prompt_tokens if response.usage is not None else 0
        return Encoded({"embedding": values, **own, "inputTextTokenCount": tokens}, tuple(dropped))

    def facts(self, body: bytes) -> BodyFacts:
        response = self.decode_response(body)
        return BodyFacts(usage=response.usage, vectors=1)

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
        return decode_error(status, body, headers)

    def encode_error(self, error: ErrorInfo) -> bytes:
        return encode_error(error)


_: type[EmbeddingsCodec] = TitanEmbeddingsCodec
