"""Embedding requests, both ways: embedContent for one text, batchEmbedContents for several.

Source: ai.google.dev "Embeddings" (models.embedContent, models.batchEmbedContents), read 2026-11-26. A content is embedded as the text of
its parts. The model stands in the URL and, in a batch, in each of its requests again, where the provider's adapter writes it.
"""

from typing import Any

from proxy.codecs.base import Encoded, InvalidBody
from proxy.codecs.check import Asked
from proxy.codecs.gemini_generate import fields
from proxy.core.embeddings import EmbeddingRequest

DIALECT = "gemini_embed"
MAX_INPUTS = 100
"""Requests of a batch; the API refuses more."""
_OWN = frozenset(("model", "stream", "content", "requests", "outputDimensionality"))
_OPTIONS = ("taskType", "title")
"""Carried for a client of another dialect that names them (OpenAI's SDK: `extra_body`)."""


def check(body: dict[str, Any]) -> Asked:
    """Raises InvalidBody naming the field. `model` and `stream` are the URL's, put at the top of the body."""
    model = fields.text(body, "model", "").removeprefix("models/")
    if body.get("requests") is None:
        fields.as_object(body.get("content"), "content")
        return Asked(model, False, False)
    requests = _requests(body)
    if len(requests) > MAX_INPUTS:
        raise InvalidBody(f"requests has {len(requests)} items, at most {MAX_INPUTS} are allowed", "requests")
    for i, item in enumerate(requests):
        fields.as_object(fields.as_object(item, f"requests[{i}]").get("content"), f"requests[{i}].content")
    return Asked(model, False, False)


def count(body: dict[str, Any]) -> int:
    requests = body.get("requests")
    return 1 if requests is None else len(requests)


def decode_request(body: dict[str, Any]) -> EmbeddingRequest:
    """A batch whose vectors are to be of different lengths has no equal elsewhere: an InvalidBody."""
    model = fields.text(body, "model", "").removeprefix("models/")
    single = body.get("requests") is None
    items = [body] if single else _requests(body)
    texts: list[str] = []
    extra: dict[str, Any] = {}
    dimensions = None
    for i, item in enumerate(items):
        at = _place(i, single)
        texts.append(_text(fields.as_object(item, at), at))
        own = fields.optional_integer(item, "outputDimensionality", at, minimum=1)
        if i and own != dimensions:
            path = fields.join(at, fields.key_of(item, "outputDimensionality"))
            raise InvalidBody(f"{path}: this model takes one length for the whole batch", path)
        dimensions = own
        extra |= {fields.join(at, key): value for key, value in fields.rest(item, _OWN).items()}
    return EmbeddingRequest(
        dialect=DIALECT,
        model=model,
        inputs=tuple(texts),
        single=single,
        dimensions=dimensions,
        extra=extra,
        paths={"inputs": "content" if single else "requests", "dimensions": fields.join(_place(0, single), "outputDimensionality")},
    )


def encode_request(request: EmbeddingRequest) -> Encoded:
    """Vectors are floats whatever the client asked for, and turned into what it asked for later."""
    same = request.dialect == DIALECT
    single = request.single or (len(request.inputs) == 1 and not same)
    extra = {key: value for key, value in request.extra.items() if value is not None}
    options = {} if same else {name: value for name in _OPTIONS if (value := _take(extra, name)) is not None}
    if request.dimensions is not None:
        options["outputDimensionality"] = request.dimensions
    elif not same and (own := _take(extra, "outputDimensionality")) is not None:
        options["outputDimensionality"] = own
    path = request.path_of("inputs")
    items = []
    for i, text in enumerate(request.inputs):
        if not isinstance(text, str):
            raise InvalidBody(f"{path}: Gemini takes text, not token ids", path)
        item: dict[str, Any] = {"content": {"parts": [{"text": text}]}, **options}
        if same:
            lead = fields.join(_place(i, single), "")
            item |= {key.removeprefix(lead): extra.pop(key) for key in [*extra] if key.startswith(lead)}
        items.append(item)
    dropped = [request.path_of(name) for name in ("normalize", "user") if getattr(request, name) is not None]
    body: dict[str, Any] = {"model": request.model}
    body |= items[0] if single else {"requests": items}
    return Encoded(body, (*dropped, *extra))


def _take(extra: dict[str, Any], name: str) -> Any:
    """Out of `extra`, in either spelling."""
    return extra.pop(fields.key_of(extra, name), None)


def _place(i: int, single: bool) -> str:
    return "" if single else f"requests[{i}]"


def _requests(body: dict[str, Any]) -> list[Any]:
    requests = body["requests"]
    if not isinstance(requests, list) or not requests:
        raise InvalidBody("requests must be a list of at least one request", "requests")
    return requests


def _text(item: dict[str, Any], at: str) -> str:
    path = fields.join(at, "content")
    content = fields.as_object(item.get("content"), path)
    parts = content.get("parts")
    parts = [parts] if isinstance(parts, dict) else parts
    if not isinstance(parts, list) or not parts:
        raise InvalidBody(f"{path}.parts must be a list of at least one part", f"{path}.parts")
    texts = [fields.text(fields.as_object(part, f"{path}.parts[{i}]"), "text", f"{path}.parts[{i}]") for i, part in enumerate(parts)]
    return "\n".join(texts)
