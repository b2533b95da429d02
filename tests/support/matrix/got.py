"""What a client made of an answer, free of dialects."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.scripted.talk import ONE_CITY, PARAMETERS, PNG_BASE64, WEATHER, Person

Json = dict[str, Any]

SCHEMA: Json = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
WORDS = {
    "text": "Say hello",
    "tools": ONE_CITY,
    "parallel": WEATHER,
    "image": "What is this?",
    "structured": "Who is it?",
    "error": "throttle",
    "truncated": "Say a long sentence, then break",
}
TOOL = "get_weather"
__all__ = ["PARAMETERS", "PNG_BASE64", "SCHEMA", "TOOL", "WORDS", "Call", "Fault", "Got", "Json", "Person"]


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: Any


@dataclass
class Got:
    """`finish`: "stop", "calls" or the dialect's own word; `prompt`, `output`, `cached`: tokens; `ended`: the dialect's terminal evidence
    came; `fault`: of an in-band error."""

    text: str = ""
    calls: list[Call] = field(default_factory=list)
    finish: str | None = None
    prompt: int | None = None
    output: int | None = None
    cached: int | None = None
    ended: bool = False
    fault: "Fault | None" = None

    def must_be_open(self) -> None:
        """Nothing follows a stream's end, nor its error."""
        assert not self.ended
        assert self.fault is None


@dataclass(frozen=True)
class Fault:
    """`kind`: the dialect's own word for it."""

    kind: str
    message: str


def sse(raw: bytes) -> list[tuple[str | None, str]]:
    """(event name, data) of each event; comments and blank ones are passed over."""
    events = []
    for block in raw.decode().replace("\r\n", "\n").split("\n\n"):
        fields = [line.partition(": ") for line in block.split("\n") if line and not line.startswith(":")]
        data = "\n".join(value for name, _, value in fields if name == "data")
        if data:
            events.append((next((value for name, _, value in fields if name == "event"), None), data))
    return events


def parsed(arguments: str) -> Any:
    """Of a call; they must be a JSON object."""
    value = json.loads(arguments)
    assert isinstance(value, dict), arguments
    return value
