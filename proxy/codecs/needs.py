"""What a request needs of a model, and how large it is, without decoding it: a look at the parsed body, as far as a choice of targets is
concerned. Whatever is unknown or wrong is passed over; the codec or the provider will say so.

    chat          messages[].content[].type image_url, input_audio, file · tools, functions · response_format · reasoning_effort
    responses     input[].content[].type input_image, input_audio, input_file · tools · text.format · reasoning
    messages      messages[].content[].type image, document, also in tool_result · tools · output_format, output_config.format · thinking
    converse      messages[].content[] image, audio, document, also in toolResult · toolConfig.tools · outputConfig · reasoning
    gemini        contents[].parts[] inlineData, fileData by their type · tools · generationConfig
    invoke        Claude's as in messages; the others have text only
    completions   none

Sources: the providers' API references, read 2026-11-25.
"""

from collections.abc import Iterator
from typing import Any

from proxy.core.needs import AUDIO, JSON, MEDIA, PDF, REASONING, TOOLS, VISION

BYTES_PER_TOKEN = 4
IMAGE_TOKENS = 1600
AUDIO_BYTES_PER_TOKEN = 1024
PAGE_TOKENS, PAGE_BYTES = 2000, 64 * 1024
"""As in `core.estimate`, whose figures these are."""

_PART_TYPES = {
    "image_url": VISION,
    "image": VISION,
    "input_image": VISION,
    "input_audio": AUDIO,
    "audio": AUDIO,
    "file": PDF,
    "input_file": PDF,
    "document": PDF,
}
_CONVERSE_PARTS = (("image", VISION), ("audio", AUDIO), ("document", PDF))
_NESTED = ("content", "parts", "output", "toolResult")
"""Where parts stand, also within a part: results of tools."""
_INLINE = ("inlineData", "inline_data", "fileData", "file_data")
_TURNS = ("messages", "contents", "input")
_NO_THINKING = frozenset({"disabled", "none"})


def needs_of(body: dict[str, Any]) -> int:
    """Bits of `core.needs`. The dialects' names for things do not collide, so one look serves all; a microsecond for a plain chat."""
    needs = _asked_for(body)
    for name in _TURNS:
        turns = body.get(name)
        if type(turns) is list:
            for turn in turns:
                if type(turn) is dict:
                    needs |= _of_parts(turn.get("content"))
                    if "parts" in turn:
                        needs |= _of_parts(turn["parts"])
                    if "output" in turn:
                        needs |= _of_parts(turn["output"])
    return needs


def _of_parts(parts: Any) -> int:
    if type(parts) is not list:
        return 0
    needs = 0
    for part in parts:
        if type(part) is dict:
            needs |= _of_part(part)
    return needs


def _of_part(part: dict[str, Any]) -> int:
    kind = part.get("type")
    if type(kind) is str:
        found = _PART_TYPES.get(kind, 0)
        if found:
            return 0 if found == PDF and _is_text(part) else found
        return _of_parts(part.get("content")) if kind == "tool_result" else 0
    for name in _INLINE:
        if type(media := part.get(name)) is dict:
            return _by_media_type(media.get("mimeType") or media.get("mime_type"))
    for name, bit in _CONVERSE_PARTS:
        if type(holder := part.get(name)) is dict:
            return bit if bit != PDF or holder.get("format", "pdf") == "pdf" else 0
    result = part.get("toolResult")
    return _of_parts(result.get("content")) if type(result) is dict else 0


def _is_text(part: dict[str, Any]) -> bool:
    """A document of the Messages API that is text, or parts."""
    source = part.get("source")
    return type(source) is dict and (source.get("type") in ("text", "content") or source.get("media_type") == "text/plain")


def _by_media_type(media_type: Any) -> int:
    if type(media_type) is not str:
        return 0
    if media_type == "application/pdf":
        return PDF
    return {"image": VISION, "audio": AUDIO}.get(media_type.partition("/")[0], 0)


def _asked_for(body: dict[str, Any]) -> int:
    """By fields beside the turns."""
    needs = 0
    tool_config = body.get("toolConfig")
    if body.get("tools") or body.get("functions") or (type(tool_config) is dict and tool_config.get("tools")):
        needs |= TOOLS
    if _is_json(body):
        needs |= JSON
    if _is_reasoning(body):
        needs |= REASONING
    modalities = body.get("modalities")
    return needs | AUDIO if type(modalities) is list and "audio" in modalities else needs


def _within(body: dict[str, Any], *path: str) -> Any:
    value: Any = body
    for name in path:
        value = value.get(name) if type(value) is dict else None
    return value


def _generation(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("generationConfig") or body.get("generation_config")
    return found if type(found) is dict else {}


def _is_json(body: dict[str, Any]) -> bool:
    for path in (("response_format",), ("text", "format"), ("output_format",), ("output_config", "format"), ("outputConfig", "textFormat")):
        if path[0] in body and type(kind := _within(body, *path, "type")) is str and kind.startswith("json"):
            return True
    gemini = _generation(body)
    media_type = gemini.get("responseMimeType") or gemini.get("response_mime_type")
    return media_type == "application/json" or any(name in gemini for name in ("responseSchema", "responseJsonSchema"))


def _is_reasoning(body: dict[str, Any]) -> bool:
    effort = body.get("reasoning_effort") or _within(body, "reasoning", "effort")
    if type(effort) is str:
        return effort not in _NO_THINKING
    thinking = body.get("thinking") or _within(body, "additionalModelRequestFields", "thinking")
    if type(thinking) is dict:
        return thinking.get("type", "enabled") not in _NO_THINKING
    gemini = _generation(body)
    budget = _within(gemini, "thinkingConfig", "thinkingBudget") if gemini else None
    return type(budget) is int and budget != 0


CAPS = ("max_completion_tokens", "max_tokens", "max_output_tokens", "max_gen_len", "max_tokens_to_sample")
NESTED_CAPS = (
    ("inferenceConfig", "maxTokens"),
    ("inferenceConfig", "max_new_tokens"),
    ("generationConfig", "maxOutputTokens"),
    ("generation_config", "max_output_tokens"),
    ("textGenerationConfig", "maxTokenCount"),
)

CAP_FIELDS = frozenset((*CAPS, *(holder for holder, _ in NESTED_CAPS)))


def output_cap(body: dict[str, Any]) -> int:
    """Tokens that the answer may have by the client's word; 0: it says none."""
    if CAP_FIELDS.isdisjoint(body):
        return 0
    for name in CAPS:
        if type(cap := body.get(name)) is int and cap > 0:
            return cap
    for holder, name in NESTED_CAPS:
        if holder in body and type(cap := _within(body, holder, name)) is int and cap > 0:
            return cap
    return 0


def prompt_tokens(body: dict[str, Any], size: int, needs: int) -> int:
    """Roughly. `size`: bytes of the body as it came: what JSON adds to a message is about what a model's own framing does. Only where there
    are media their base64 is taken out of it, for what they count instead."""
    if not needs & MEDIA:
        return -(-size // BYTES_PER_TOKEN)
    encoded = tokens = 0
    for kind, data in media(body):
        encoded += len(data)
        raw = len(data) * 3 // 4
        if kind == AUDIO:
            tokens += -(-raw // AUDIO_BYTES_PER_TOKEN)
        else:
            tokens += IMAGE_TOKENS if kind == VISION else PAGE_TOKENS * max(1, -(-raw // PAGE_BYTES))
    return tokens + max(0, -(-(size - encoded) // BYTES_PER_TOKEN))


def media(body: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """(kind, base64 or reference) of each image, sound and document."""
    nodes: list[Any] = [body[name] for name in _TURNS if name in body]
    for node in nodes:
        if type(node) is list:
            nodes += [item for item in node if type(item) is dict]
            continue
        if type(node) is not dict:
            continue
        kind = _of_part(node)
        nested = [node[name] for name in _NESTED if name in node]
        if kind and not any(nested):
            yield kind, max(_strings(node), key=len, default="")
        else:
            nodes += nested


def _strings(node: Any) -> Iterator[str]:
    if type(node) is str:
        yield node
    elif type(node) is dict:
        for value in node.values():
            yield from _strings(value)


def user_text(body: dict[str, Any]) -> str:
    """What the user wrote, in lower case, turn by turn."""
    texts: list[str] = []
    for name in (*_TURNS, "prompt", "inputText"):
        turns = body.get(name)
        if type(turns) is str:
            texts.append(turns)
        elif type(turns) is list:
            for turn in turns:
                if type(turn) is str:
                    texts.append(turn)
                elif type(turn) is dict and turn.get("role", "user") == "user":
                    texts += _texts(turn.get("content", turn.get("parts")))
    return "\n".join(texts).lower()


def _texts(content: Any) -> list[str]:
    if type(content) is str:
        return [content]
    parts = content if type(content) is list else []
    return [part if type(part) is str else part["text"] for part in parts if type(part) is str or _is_text_part(part)]


def _is_text_part(part: Any) -> bool:
    return type(part) is dict and type(part.get("text")) is str
