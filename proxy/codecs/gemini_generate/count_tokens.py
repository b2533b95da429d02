"""countTokens. Source: ai.google.dev "models.countTokens", read 2026-11-25.

The request names its contents, or a whole generateContentRequest whose tools and instructions count too. `model` and `stream` are the
URL's, put at the top of the body.
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked
from proxy.codecs.counting import only
from proxy.codecs.gemini_generate import fields
from proxy.codecs.gemini_generate.signatures import without_foreign
from proxy.codecs.jsonbody import parse_object

_KNOWN = frozenset(("model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig"))


def check(body: dict[str, Any]) -> Asked:
    """Raises InvalidBody naming the field, also where both forms are given, or neither."""
    model = fields.text(body, "model", "").removeprefix("models/")
    inner = fields.optional_object(body, "generateContentRequest", "")
    base = fields.key_of(body, "generateContentRequest") if inner is not None else ""
    if inner is not None and fields.pick(body, "contents") is not None:
        raise InvalidBody(f"contents and {base} exclude each other", "contents")
    contents = fields.pick(body if inner is None else inner, "contents")
    if not contents or not isinstance(contents, list | dict):
        path = fields.join(base, "contents")
        raise InvalidBody(f"{path} must be a list of at least one content", path)
    return Asked(model, False, False)


def generation(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    inner = fields.optional_object(body, "generateContentRequest", "")
    if inner is None:
        return body, ""
    return {**inner, "model": body["model"], "stream": False}, fields.key_of(body, "generateContentRequest")


def own(body: dict[str, Any], model: str) -> dict[str, Any]:
    """The model also stands within a whole request; a signature there that another provider made would be refused."""
    key = fields.key_of(body, "generateContentRequest")
    inner = body.get(key)
    if not isinstance(inner, dict):
        return {**body, "model": model}
    inner = {**inner, "model": resource(model)}
    if "contents" in inner:
        inner["contents"] = without_foreign(inner["contents"])
    return {**body, "model": model, key: inner}


def wrapped(body: dict[str, Any]) -> dict[str, Any]:
    return {"generateContentRequest": {**only(body, _KNOWN), "model": resource(body["model"])}}


def resource(model: str) -> str:
    """`models/gemini-…`; a tuned model's name says that it is one."""
    return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"


def encode_count(total: int) -> dict[str, Any]:
    return {"totalTokens": total}


def decode_count(body: bytes) -> int:
    """Raises InvalidBody where there is none."""
    answer = parse_object(body)
    total = fields.optional_integer(answer, "totalTokens", "", minimum=0)
    if total is None:
        raise InvalidBody("totalTokens is missing", "totalTokens")
    return total
