"""Samples of what a dialect can say, written by hand: the request or answer that says it, and where it is found again in any body."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

Json = dict[str, Any]

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()
PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
WAV = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt ").decode()
IMAGE_URL = "https://example.test/cat.png"
PDF_URL = "https://example.test/paper.pdf"
SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
SIGNATURES = {
    "anthropic_messages": "EqQBCkgIChABGAIiQA==",
    "bedrock_converse": "EqQBCkgIChABGAIiQA==",
    "openai_responses": "openai_responses:summary:rs_1:gAAAAABsealed",
    "gemini_generate": "gemini:CpsBAb4sealed==",
    "openai_chat": "EqQBCkgIChABGAIiQA==",
}
"""Provider → the signature of its thinking in the canonical form, which clients hand back in theirs."""


class Probe(msgspec.Struct, frozen=True):
    """`body`: fields of the request (or a function of the provider's dialect that makes them); `path`: what a report of its loss names;
    `find`: the feature's value in a body of this dialect, None where it is absent."""

    body: Json | Callable[[str], Json]
    path: str
    find: Callable[[Json], Any]

    def fields(self, provider: str) -> Json:
        return self.body if isinstance(self.body, dict) else self.body(provider)


def walk(value: Any) -> Iterator[Json]:
    """Every object in a body, outermost first."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def first(body: Any, key: str, **fields: Any) -> Any:
    """The value of `key` in the first object that has it and `fields`."""
    for obj in walk(body):
        if key in obj and all(obj.get(name) == value for name, value in fields.items()):
            return obj[key]
    return None


def at(*keys: str | int) -> Callable[[Json], Any]:
    """The value at that place."""

    def find(body: Json) -> Any:
        value: Any = body
        for key in keys:
            if isinstance(key, int):
                value = value[key] if isinstance(value, list) and len(value) > key else None
            else:
                value = value.get(key) if isinstance(value, dict) else None
        return value

    return find


def data_of(url: Any) -> str | None:
    """Base64 text of a data URL."""
    return url.partition(",")[2] if isinstance(url, str) and url.startswith("data:") else None


def shape_of(schema: Any) -> Any:
    """Of a schema what every dialect can say: names and types of its fields."""
    if not isinstance(schema, dict):
        return None
    fields = {name: str(field.get("type")).lower() for name, field in schema.get("properties", {}).items()}
    return (str(schema.get("type")).lower(), fields, schema.get("required"))
