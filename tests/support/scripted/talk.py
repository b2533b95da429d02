"""What the SDK tests ask, and what must come back whatever SDK asked and whatever provider answered."""

import base64
import struct
import zlib

from pydantic import BaseModel

from tests.support.scripted import script

ASKED = "How do you do? ¿Qué tal? 你好"
SAID = f"You said: {ASKED} ✓"
WEATHER = "What is the weather in Paris and in Rome?"
ONE_CITY = "What is the weather in Rome?"
CITIES = ["Paris", "Rome"]
TOLD = "Tools said: sunny in Paris; sunny in Rome"
TOLD_ONE = "Tools said: sunny in Rome"
PROMPT_TOKENS = script.UNCACHED + script.CACHED
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}


class Person(BaseModel):
    name: str
    age: int


ADA = Person(name="Ada", age=36)


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    + _chunk(b"IEND", b"")
)
"""One red pixel."""
PNG_BASE64 = base64.b64encode(PNG).decode()
PNG_URL = f"data:image/png;base64,{PNG_BASE64}"
SEEN = f"I see image/png of {len(PNG)} bytes"
