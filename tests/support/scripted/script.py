"""What a scripted provider hears and says, free of dialects.

    last user turn holds     answer
    ---------------------    ---------------------------------------------------------------------------------------
    throttle                 429, Retry-After 7
    refuse                   400 with a message of the provider's own
    break                    begins, and the connection ends in the middle
    long                     ends by the limit of output tokens
    weather, tools offered   a call of the first tool for each city that is named (Paris, Rome; Paris where none is)
    an image, a document     "I see image/png of 68 bytes"
    anything else            "You said: …" and the words

Before the words count: a forced tool is called; a JSON schema is filled; after tool results "Tools said: …" (or the output tool of an
agent framework, `final_result…`, is called). Where reasoning was asked for, THOUGHT comes first.
"""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

THOUGHT = "Let me think about it."
SIGNATURE = base64.b64encode(b"signed by the scripted provider").decode()
UNCACHED, CACHED, OUTPUT, REASONING = 30, 10, 12, 4
"""Tokens of every answer: the prompt is 40, 10 of them read from a cache; OUTPUT contains REASONING where it thought."""
RETRY_AFTER_S = 7
REFUSAL = "the scripted provider refuses this"
CREATED = 1_700_000_000
OUTPUT_TOOL = "final_result"
_CITIES = ("Paris", "Rome")
_VALUES: dict[str, Any] = {"city": "Paris", "name": "Ada", "age": 36}
_MAGIC = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8", "image/gif": b"GIF8", "image/webp": b"RIFF", "application/pdf": b"%PDF"}
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Rejected(Exception):
    """What came breaks a rule of its dialect; `param` is where."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Result:
    id: str
    text: str
    name: str | None = None
    is_error: bool = False


@dataclass(frozen=True)
class Media:
    """`size`: bytes; None where it came as a URL."""

    type: str
    size: int | None


@dataclass
class Turn:
    role: Literal["user", "assistant"]
    text: str = ""
    media: list[Media] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    """Texts of signed thoughts that came back."""


@dataclass
class Heard:
    dialect: str
    model: str
    turns: list[Turn]
    system: str = ""
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name → JSON schema of the arguments."""
    choice: str = "auto"
    """"auto", "none", "required", or a tool's name."""
    parallel: bool = True
    schema: dict[str, Any] | None = None
    thinking: bool = False
    stream: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    stop: list[str] = field(default_factory=list)
    usage_asked: bool = True
    """Chat only: a stream tells its usage when asked."""

    @property
    def words(self) -> str:
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user" and turn.text), "")


@dataclass(frozen=True)
class Said:
    text: str = ""
    calls: tuple[Call, ...] = ()
    thought: str = ""
    finish: Literal["stop", "length", "calls"] = "stop"
    breaks: bool = False

    @property
    def pieces(self) -> list[str]:
        """The text as a stream brings it, never more than eight characters at once."""
        return [self.text[at : at + 8] for at in range(0, len(self.text), 8)]

    @property
    def output(self) -> int:
        return OUTPUT


@dataclass(frozen=True)
class Refused:
    status: int
    message: str
    retry_after_s: int | None = None
    param: str | None = None


def answer(heard: Heard) -> Said | Refused:
    words = heard.words.lower()
    if "throttle" in words:
        return Refused(429, "slow down", RETRY_AFTER_S)
    if "refuse" in words:
        return Refused(400, REFUSAL)
    thought = THOUGHT if heard.thinking else ""
    if calls := _calls(heard):
        return Said(calls=calls, thought=thought, finish="calls")
    return Said(text=_text(heard), thought=thought, finish="length" if "long" in words else "stop", breaks="break" in words)


def _calls(heard: Heard) -> tuple[Call, ...]:
    made = sum(len(turn.calls) for turn in heard.turns)
    answered = bool(heard.turns[-1].results)
    if not heard.tools or heard.choice == "none":
        return ()
    name = next(iter(heard.tools))
    final = next((tool for tool in heard.tools if tool.startswith(OUTPUT_TOOL)), None)
    if heard.choice not in ("auto", "required"):
        name = heard.choice
    elif final is not None and (answered or "weather" not in heard.words.lower()):
        name = final
    elif answered or (heard.choice == "auto" and "weather" not in heard.words.lower()):
        return ()
    schema = heard.tools[name]
    cities = [city for city in _CITIES if city in heard.words] if "city" in schema.get("properties", {}) else []
    if not heard.parallel:
        cities = cities[:1]
    arguments = [{**fill(schema), "city": city} for city in cities] or [fill(schema)]
    return tuple(Call(f"call_{made + n}_of_{heard.dialect}", name, given) for n, given in enumerate(arguments, 1))


def _text(heard: Heard) -> str:
    last = heard.turns[-1]
    if heard.schema is not None:
        return json.dumps(fill(heard.schema))
    if last.results:
        return "Tools said: " + "; ".join(("error: " if result.is_error else "") + result.text for result in last.results)
    if last.media:
        return "I see " + ", ".join(f"{media.type} of {media.size} bytes" for media in last.media)
    return f"You said: {heard.words} ✓"


def fill(schema: dict[str, Any], name: str = "", root: dict[str, Any] | None = None) -> Any:
    """A value that the schema allows, the same each time."""
    root = schema if root is None else root
    if "$ref" in schema:
        return fill(root["$defs" if "$defs" in root else "definitions"][schema["$ref"].rsplit("/", 1)[1]], name, root)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return fill(next(one for one in schema[key] if one.get("type") != "null"), name, root)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = str(schema.get("type", "object")).lower()
    if kind == "object":
        return {key: fill(one, key, root) for key, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [fill(schema.get("items", {"type": "string"}), name, root)]
    return _VALUES.get(name, {"string": "text", "integer": 36, "number": 1.5, "boolean": True}[kind])


def check(heard: Heard) -> None:
    """What every provider asks of a conversation. Raises Rejected."""
    if not heard.turns or heard.turns[-1].role != "user":
        raise Rejected("the conversation must end with a user turn", "messages")
    seen: set[str] = set()
    for at, turn in enumerate(heard.turns):
        ids = [call.id for call in turn.calls]
        if len(set(ids)) != len(ids) or seen.intersection(ids):
            raise Rejected(f"tool call ids must be unique: {ids}", f"messages[{at}]")
        seen.update(ids)
        before = heard.turns[at - 1].calls if at else []
        if sorted(result.id for result in turn.results) != sorted(call.id for call in before):
            raise Rejected(f"results {turn.results} must answer the calls before them {before}", f"messages[{at}]")
    for name, schema in heard.tools.items():
        if not _TOOL_NAME.fullmatch(name):
            raise Rejected(f"{name!r} is no tool name", "tools")
        if str(schema.get("type")).lower() != "object":
            raise Rejected(f"the parameters of {name} must be an object: {schema}", "tools")
    if heard.choice not in ("auto", "none", "required") and heard.choice not in heard.tools:
        raise Rejected(f"the chosen tool {heard.choice} is not offered", "tool_choice")
    if heard.choice == "required" and not heard.tools:
        raise Rejected("a tool is required and none offered", "tool_choice")
    if heard.max_tokens is not None and heard.max_tokens < 1:
        raise Rejected("the limit of output tokens must be at least 1", "max_tokens")


def fields(names: str) -> set[str]:
    return set(names.split())


def known(value: Any, keys: set[str], path: str) -> dict[str, Any]:
    """The object, if it has no other keys and none of them is null: providers refuse what they do not know. Raises Rejected."""
    if not isinstance(value, dict):
        raise Rejected(f"{path or 'the body'} must be an object, not {value!r}", path)
    if odd := value.keys() - keys:
        raise Rejected(f"{path or 'body'}: unknown fields {sorted(odd)}", path)
    return value


def strict_parameters(function: dict[str, Any]) -> dict[str, Any]:
    """A function's schema; a strict one lists all its properties as required and allows no others. Raises Rejected."""
    schema: dict[str, Any] = function.get("parameters") or {"type": "object", "properties": {}}
    closed = schema.get("additionalProperties") is False and sorted(schema.get("required", [])) == sorted(schema.get("properties", {}))
    if function.get("strict") and not closed:
        raise Rejected(f"Invalid schema for function {function.get('name')}: not strict", "tools")
    return schema


def need(value: dict[str, Any], key: str, kind: type, path: str) -> Any:
    """A field that must be there. Raises Rejected."""
    found = value.get(key)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise Rejected(f"{path}.{key} must be a {kind.__name__}, not {found!r}", f"{path}.{key}")
    return found


def media(kind: str, data: Any, path: str) -> Media:
    """Base64, and what its type says. Raises Rejected."""
    try:
        raw = base64.b64decode(data, validate=True)
    except (ValueError, TypeError):
        raise Rejected(f"{path} is no base64", path) from None
    if not raw.startswith(_MAGIC.get(kind, b"")) or not raw:
        raise Rejected(f"{path} is no {kind}", path)
    return Media(kind, len(raw))


def data_url(url: str, path: str) -> Media:
    """Raises Rejected."""
    if url.startswith(("http://", "https://")):
        return Media("url", None)
    found = re.fullmatch(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", url, re.DOTALL)
    if found is None:
        raise Rejected(f"{path} is neither a web address nor a data URL", path)
    return media(found[1], found[2], path)


def arguments(text: Any, path: str) -> dict[str, Any]:
    """A call's arguments as JSON text of an object. Raises Rejected."""
    try:
        value = json.loads(text)
    except (ValueError, TypeError):
        raise Rejected(f"{path} is no JSON", path) from None
    if not isinstance(value, dict):
        raise Rejected(f"{path} is no object", path)
    return value


def sse(data: Any, event: str | None = None) -> bytes:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data) if not isinstance(data, str) else data}\n\n".encode()


def halves(text: str) -> list[str]:
    middle = len(text) // 2
    return [text[:middle], text[middle:]]
