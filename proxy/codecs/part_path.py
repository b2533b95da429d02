"""Where the client wrote a part of a message, for reports, whatever its dialect."""

from proxy.core.messages import AudioPart, Message, OpaquePart, Part, ThinkingPart, ToolUsePart


def part_path(message: Message, index: int, dialect: str) -> str:
    """JSON path of `message.content[index]` in the request of `dialect`. A call's path is that of its arguments."""
    part = message.content[index]
    if message.single:
        return f"{message.path}.arguments" if isinstance(part, ToolUsePart) else message.path
    if message.path == "system":
        return f"system[{index}]"
    if dialect != "openai_chat":
        return f"{message.path}.content[{index}]" + (".input" if isinstance(part, ToolUsePart) else "")
    return _chat_path(message, index)


def result_path(path: str, index: int) -> str:
    """Of one part inside the tool result at `path`: Responses, whose items stand in `input`, has it in `output`."""
    return f"{path}.{'output' if path.startswith('input[') else 'content'}[{index}]"


def detail_path(path: str) -> str:
    """Of the `detail` of the image at `path`: OpenAI chat has it inside `image_url`."""
    return f"{path}.detail" if path.startswith("input[") else f"{path}.image_url.detail"


def strict_path(path: str) -> str:
    """Of the `strict` of the format at `path`: OpenAI chat has it inside `json_schema`."""
    return f"{path}.strict" if path == "text.format" else f"{path}.json_schema.strict"


def title_path(path: str) -> str:
    """Of the name of the document at `path`. Dialects that spell it otherwise name its place (`ChatRequest.places`)."""
    return f"{path}.filename" if path.startswith("input[") else f"{path}.title"


def _chat_path(message: Message, index: int) -> str:
    """OpenAI chat has calls, reasoning and results outside of `content`."""
    if message.role == "tool":
        return message.path
    part = message.content[index]
    before = message.content[:index]
    if _is_call(part):
        path = f"{message.path}.tool_calls[{sum(map(_is_call, before))}]"
        return f"{path}.function.arguments" if isinstance(part, ToolUsePart) else path
    if isinstance(part, ThinkingPart):
        return f"{message.path}.reasoning_content"
    if isinstance(part, AudioPart) and part.id is not None:
        return f"{message.path}.audio"
    return f"{message.path}.content[{index - sum(isinstance(earlier, ThinkingPart) for earlier in before)}]"


def _is_call(part: Part) -> bool:
    return isinstance(part, ToolUsePart) or (isinstance(part, OpaquePart) and "id" in part.value)
