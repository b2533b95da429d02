"""What must hold of a request that is translated, because its target's API would refuse it, or worse: understand it otherwise.

    tool result       answers a call that stands before it
    tool call         has an id that no other open call has; one that was answered may be used again. Its arguments are an object
                      where the client's dialect has them as JSON (where they are a string, models have written it: the target judges)
    image             is not empty, and an image by its label or, where that says nothing of the kind, by its bytes (image_type.py),
                      which label it then. A label of one kind of image on another is passed on: some providers go by the bytes,
                      some refuse the difference in words of their own, and none is misled

A request that passes untranslated is its provider's to judge. Nor is anything known of what a provider or the gateway keeps: a request
that continues such an answer may bring the results of its calls.
"""

from collections.abc import Iterator

import msgspec

from proxy.codecs.base import InvalidBody
from proxy.codecs.image_type import type_of
from proxy.codecs.part_path import part_path, result_path
from proxy.core.messages import ImagePart, Message, OpaquePart, Part, TextPart, ToolResultPart, ToolUsePart
from proxy.core.request import ChatRequest

_KEPT = ("previous_response_id", "conversation", "prompt")
_SUFFIXES = (".function.arguments", ".arguments", ".input")
"""A call's path is that of its arguments."""


def checked(request: ChatRequest) -> ChatRequest:
    """The request, with every image labelled as one. Raises InvalidBody with the path in the client's body."""
    calls = _Calls(request)
    relabelled: dict[int, Message] = {}
    for at, message in enumerate(request.messages):
        pictures = False
        for index, part in enumerate(message.content):
            if type(part) is TextPart:
                continue
            if isinstance(part, ToolUsePart):
                calls.made(part, message, index)
            elif isinstance(part, OpaquePart):
                calls.open.update(_ids(part))
            elif isinstance(part, ToolResultPart):
                calls.answered(part, message, index)
                pictures = True
            elif isinstance(part, ImagePart):
                pictures = True
        if pictures and (content := _labelled(request, message)) is not None:
            relabelled[at] = msgspec.structs.replace(message, content=content)
    if not relabelled:
        return request
    return msgspec.structs.replace(request, messages=tuple(relabelled.get(at, m) for at, m in enumerate(request.messages)))


class _Calls:
    __slots__ = ("_done", "_open_ended", "_parsed", "_request", "open")

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._open_ended = any(request.extra.get(name) for name in _KEPT)
        self._parsed = not request.dialect.startswith("openai_")
        self.open: set[str] = set()
        self._done: set[str] = set()

    def made(self, part: ToolUsePart, message: Message, index: int) -> None:
        if part.id in self.open:
            path = _path(self._request, message, index)
            raise InvalidBody(f"{path}: another tool call without a result has the id {part.id[:80]!r}", path)
        if self._parsed and not part.arguments.startswith("{"):
            path = self._request.client_paths((part_path(message, index, self._request.dialect),))[0]
            raise InvalidBody(f"{path}: must be a JSON object", path)
        self.open.add(part.id)

    def answered(self, part: ToolResultPart, message: Message, index: int) -> None:
        """Several results of one call are one result in pieces."""
        if part.tool_use_id in self.open:
            self.open.discard(part.tool_use_id)
            self._done.add(part.tool_use_id)
        elif part.tool_use_id not in self._done and not self._open_ended:
            path = _path(self._request, message, index)
            raise InvalidBody(f"{path}: no tool call of the conversation has the id {part.tool_use_id[:80]!r}", path)


def _ids(part: OpaquePart) -> Iterator[str]:
    """Every id in a block that only its own dialect reads: a call may be one."""
    for value in (part.value, *(inner for inner in part.value.values() if isinstance(inner, dict))):
        for name in ("id", "call_id", "tool_use_id", "toolUseId"):
            if isinstance(found := value.get(name), str):
                yield found


def _path(request: ChatRequest, message: Message, index: int) -> str:
    path = part_path(message, index, request.dialect)
    if isinstance(message.content[index], ToolUsePart):
        for suffix in _SUFFIXES:
            path = path.removesuffix(suffix)
    return request.client_paths((path,))[0]


def _labelled(request: ChatRequest, message: Message) -> tuple[Part, ...] | None:
    """The content with corrected images; None where there was nothing to correct."""
    changed: dict[int, Part] = {}
    for index, part in enumerate(message.content):
        if isinstance(part, ImagePart) and part.data is not None:
            if (kind := _kind(part, _path(request, message, index))) != part.media_type:
                changed[index] = msgspec.structs.replace(part, media_type=kind)
        elif isinstance(part, ToolResultPart):
            inner = _labelled_result(request, part, part_path(message, index, request.dialect))
            if inner is not None:
                changed[index] = inner
    if not changed:
        return None
    return tuple(changed.get(index, part) for index, part in enumerate(message.content))


def _labelled_result(request: ChatRequest, result: ToolResultPart, path: str) -> ToolResultPart | None:
    content = list(result.content)
    for index, part in enumerate(content):
        if isinstance(part, ImagePart) and part.data is not None:
            where = request.client_paths((result_path(path, index),))[0]
            if (kind := _kind(part, where)) != part.media_type:
                content[index] = msgspec.structs.replace(part, media_type=kind)
    return None if content == list(result.content) else msgspec.structs.replace(result, content=tuple(content))


def _kind(part: ImagePart, path: str) -> str:
    """The media type to send."""
    if not part.data:
        raise InvalidBody(f"{path}: the image is empty", path)
    label = part.media_type or ""
    if label.lower().startswith("image/"):
        return label
    found = type_of(part.data)
    if found is None:
        raise InvalidBody(f"{path}: labelled {label[:80]!r}, which is no image, and neither are the bytes", path)
    return found
