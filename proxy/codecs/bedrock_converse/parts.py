"""Canonical parts of another dialect → content blocks that the API and the model accept."""

import re
from hashlib import blake2b
from typing import Any, assert_never

from proxy.codecs.anthropic_messages.inputs import parse_arguments
from proxy.codecs.bedrock_converse import blobs
from proxy.codecs.bedrock_converse.blocks import cited_content
from proxy.codecs.bedrock_converse.fields import DIALECT
from proxy.codecs.bedrock_converse.media import document_format, image_format
from proxy.codecs.bedrock_converse.models import TargetFacts
from proxy.codecs.openai_chat.fields import split_data_url
from proxy.codecs.part_path import detail_path, result_path
from proxy.core.messages import (
    AudioPart,
    CacheHint,
    DocumentPart,
    ImagePart,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)

Block = dict[str, Any]

_FOREIGN_ID = re.compile(r"[^a-zA-Z0-9_.:-]")
_MAX_ID = 64
_FOREIGN_NAME = re.compile(r"[^a-zA-Z0-9\s()\[\]-]+")
_MAX_NAME = 190
"""Of the API's 200: the rest is for the number that makes a name unique."""


def cache_point(hint: CacheHint) -> Block:
    return {"cachePoint": {"type": "default"} if hint.ttl is None else {"type": "default", "ttl": hint.ttl}}


def tool_id(value: str) -> str:
    """The id as the API takes it (`[a-zA-Z0-9_.:-]{1,64}`), in call and result alike; a long one ends in its digest."""
    known = _FOREIGN_ID.sub("_", value) or "_"
    if len(known) <= _MAX_ID:
        return known
    return f"{known[: _MAX_ID - 17]}_{blake2b(value.encode(errors='surrogatepass'), digest_size=8).hexdigest()}"


class BlockWriter:
    """For one request. `dropped` grows by the paths of what has no form here."""

    def __init__(self, facts: TargetFacts, dropped: list[str]) -> None:
        self.dropped = dropped
        self._facts = facts
        self._names: set[str] = set()

    def write(self, part: Part, path: str) -> list[Block]:
        """The part's block and its cache point; empty where the API has no such block."""
        block = self._block(part, path)
        if block is None:
            self.dropped.append(path)
            return []
        hint = getattr(part, "cache", None)
        return [block] if hint is None else [block, *self.cache_point(hint, path)]

    def cache_point(self, hint: CacheHint, path: str) -> list[Block]:
        if self._facts.caches:
            return [cache_point(hint)]
        self.dropped.append(f"{path}.cache_control")
        return []

    def _block(self, part: Part, path: str) -> Block | None:
        match part:
            case TextPart():
                return self._text(part, path)
            case ToolUsePart():
                given = parse_arguments(part.arguments, path)
                return {"toolUse": {"toolUseId": tool_id(part.id), "name": part.name, "input": given}}
            case ToolResultPart():
                return self._result(part, path)
            case ImagePart():
                return self._image(part, path)
            case DocumentPart():
                return self._document(part, path)
            case AudioPart():
                return None if part.data is None else {"audio": {"format": part.format or "wav", "source": {"bytes": part.data}}}
            case ThinkingPart():
                return self._thinking(part)
            case RedactedThinkingPart():
                return redacted_block(part) if self._facts.claude else None
            case RefusalPart():
                self.dropped.append(path)
                return {"text": part.text}
            case OpaquePart():
                return dict(part.value) if part.dialect == DIALECT else None
            case _:
                assert_never(part)

    def _text(self, part: TextPart, path: str) -> Block:
        if part.citations and part.citations_dialect == DIALECT:
            return {"citationsContent": cited_content(part)}
        if part.citations:
            self.dropped.append(f"{path}.citations")
        return {"text": part.text}

    def _thinking(self, part: ThinkingPart) -> Block | None:
        """Claude refuses reasoning without its signature, or with one marked with another maker (`gemini:…`); other models refuse all."""
        if part.signature is None or ":" in part.signature or not self._facts.claude:
            return None
        return thinking_block(part)

    def _result(self, part: ToolResultPart, path: str) -> Block:
        content: list[Block] = []
        for index, item in enumerate(part.content):
            if not isinstance(item, TextPart) or item.text.strip():
                content += self.write(item, result_path(path, index))
        status = {"status": "error"} if part.is_error else {}
        return {"toolResult": {"toolUseId": tool_id(part.tool_use_id), "content": content, **status}}

    def _image(self, part: ImagePart, path: str) -> Block | None:
        if part.detail is not None and part.detail != "auto":
            self.dropped.append(detail_path(path))
        inline = _inline(part, path)
        if inline is None:
            source = _located(part.url)
            word = None if source is None or part.url is None else image_format(f"image/{part.url.rpartition('.')[2].lower()}", "")
            return None if source is None or word is None else {"image": {"format": word, "source": source}}
        media_type, data = inline
        word = image_format(media_type, data)
        return None if word is None else {"image": {"format": word, "source": {"bytes": data}}}

    def _document(self, part: DocumentPart, path: str) -> Block | None:
        """Text goes as the bytes of a text file, which every model with documents reads."""
        inline = (part.media_type or "text/plain", blobs.encoded(part.text.encode())) if part.text is not None else _inline(part, path)
        if inline is None:
            return None
        word = document_format(inline[0], part.title, inline[1])
        if word is None:
            return None
        document: Block = {"format": word, "name": self._name(part.title, word), "source": {"bytes": inline[1]}}
        if part.context is not None:
            document["context"] = part.context
        if part.citations is not None:
            document["citations"] = {"enabled": part.citations}
        return {"document": document}

    def _name(self, title: str | None, word: str) -> str:
        """The API takes letters, digits, brackets, hyphens and single spaces, and each name once."""
        stem = (title or "").removesuffix(f".{word}")
        base = " ".join(_FOREIGN_NAME.sub("-", stem).split())[:_MAX_NAME].strip(" -") or "document"
        name, number = base, 1
        while name in self._names:
            number += 1
            name = f"{base} {number}"
        self._names.add(name)
        return name


def thinking_block(part: ThinkingPart) -> Block:
    signature = {} if part.signature is None else {"signature": part.signature}
    return {"reasoningContent": {"reasoningText": {"text": part.text, **signature}}}


def redacted_block(part: RedactedThinkingPart) -> Block:
    return {"reasoningContent": {"redactedContent": blobs.encoded(part.data.encode())}}


def _inline(part: ImagePart | DocumentPart, path: str) -> tuple[str | None, str] | None:
    """(media type, base64 text), from data or a data URL."""
    if part.data is not None:
        return part.media_type, part.data
    return None if part.url is None else split_data_url(part.url, path)


def _located(url: str | None) -> Block | None:
    """The source for bytes that are elsewhere. Converse fetches from S3 alone: any other URL has to be fetched by the gateway, and a
    fetcher belongs in front of the encoder, turning `url` into `data`."""
    return {"s3Location": {"uri": url}} if url is not None and url.startswith("s3://") else None
