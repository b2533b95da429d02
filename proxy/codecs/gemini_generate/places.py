"""Where a client of another dialect wrote a part: the JSON paths that reports name."""

from typing import Any

from proxy.core.messages import AudioPart, Message, OpaquePart, Part, ThinkingPart, ToolUsePart


def part_path(message: Message, index: int, dialect: str) -> str:
    """OpenAI has calls, reasoning and results outside of `content`; Anthropic's top-level `system` is itself the list; an item of
    OpenAI's Responses is itself the part."""
    if message.single:
        return message.path
    if dialect != "openai_chat":
        return f"{message.path}[{index}]" if message.path == "system" else f"{message.path}.content[{index}]"
    if message.role == "tool":
        return message.path
    part, before = message.content[index], message.content[:index]
    if _is_call(part):
        return f"{message.path}.tool_calls[{call_index(message, index)}]"
    if isinstance(part, ThinkingPart):
        return f"{message.path}.reasoning_content"
    if isinstance(part, AudioPart) and part.id is not None:
        return f"{message.path}.audio"
    return f"{message.path}.content[{index - sum(isinstance(earlier, ThinkingPart) for earlier in before)}]"


def call_index(message: Message, index: int) -> int:
    """Of the call at `index` among its message's calls."""
    return sum(map(_is_call, message.content[:index]))


def _is_call(part: Part) -> bool:
    return isinstance(part, ToolUsePart) or (isinstance(part, OpaquePart) and "id" in part.value)


def told(value: Any) -> bool:
    """Whether a field that the client sent says anything: null, false and empty ones do not."""
    return value is not None and value is not False and value not in ("", [], {})
