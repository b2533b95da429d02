"""Images and documents that a client names by URL, for a provider that takes bytes only: fetched, looked at, put into the request.

A retry or another target of the same request fetches nothing again.
"""

import asyncio
import base64
import mimetypes
from collections.abc import Iterator, Mapping
from typing import Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from proxy.codecs.helped import Fetchable
from proxy.codecs.image_type import type_of_bytes
from proxy.codecs.part_path import part_path, result_path
from proxy.core.errors import BadRequest
from proxy.core.messages import DocumentPart, ImagePart, Message, Part, ToolResultPart
from proxy.core.request import ChatRequest
from proxy.transport.url_fetch import Fetched, FetchFailed

_AT_ONCE = 4
_SHOWN_CHARACTERS = 200
_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What every provider with images takes."""
_PDF = "application/pdf"
_PDF_BEGINS = b"%PDF-"
_NOTHING_SAID = frozenset({"", "application/octet-stream", "binary/octet-stream"})


class Fetcher(Protocol):
    async def fetch(self, url: str, *, deadline: float) -> Fetched: ...

    async def aclose(self) -> None: ...


class FetchRules(msgspec.Struct, frozen=True, kw_only=True):
    fetcher: Fetcher
    max_urls: int
    """Of one request."""
    wants: Mapping[str, frozenset[Fetchable]]
    """Provider → kinds of parts whose URLs are fetched for it, when a request is translated; those without any are left out."""


class Inlining:
    """For one request."""

    def __init__(self, rules: FetchRules) -> None:
        self._fetcher = rules.fetcher
        self._max_urls = rules.max_urls
        self._found: dict[str, Fetched] = {}

    async def inlined(self, request: ChatRequest, wants: frozenset[Fetchable], deadline: float) -> ChatRequest:
        """The request with bytes instead of the URLs. Raises BadRequest naming the part, code `url_not_fetched`."""
        places = {url: path for url, path in _urls(request, wants) if url not in self._found}
        if len(places) + len(self._found) > self._max_urls:
            path = request.client_paths(tuple(places.values()))[-1]
            raise BadRequest(f"{path}: more than {self._max_urls} URLs would have to be fetched", param=path, code="url_not_fetched")
        if places:
            await self._fetch_all(request, places, deadline)
        if not self._found:
            return request
        messages = tuple(self._message(message, request, wants) for message in request.messages)
        return msgspec.structs.replace(request, messages=messages)

    async def _fetch_all(self, request: ChatRequest, places: dict[str, str], deadline: float) -> None:
        """The first that fails is told; those under way end by themselves, no other begins."""
        todo = iter(places.items())
        failed: list[BadRequest] = []

        async def work() -> None:
            while not failed and (next_one := next(todo, None)) is not None:
                url, path = next_one
                try:
                    self._found[url] = await self._fetcher.fetch(url, deadline=deadline)
                except FetchFailed as exc:
                    failed.append(_refused(request, path, url, str(exc)))

        await asyncio.gather(*(work() for _ in range(min(_AT_ONCE, len(places)))))
        if failed:
            raise failed[0]

    def _message(self, message: Message, request: ChatRequest, wants: frozenset[Fetchable]) -> Message:
        parts = tuple(self._part(part, part_path(message, i, request.dialect), request, wants) for i, part in enumerate(message.content))
        return msgspec.structs.replace(message, content=parts)

    def _part(self, part: Part, path: str, request: ChatRequest, wants: frozenset[Fetchable]) -> Part:
        match part:
            case ImagePart() if "image" in wants and part.url in self._found:
                return self._image(part, path, request)
            case DocumentPart() if "document" in wants and part.url in self._found:
                return self._document(part, path, request)
            case ToolResultPart():
                inner = tuple(self._part(item, result_path(path, i), request, wants) for i, item in enumerate(part.content))
                return msgspec.structs.replace(part, content=inner)
            case _:
                return part

    def _image(self, part: ImagePart, path: str, request: ChatRequest) -> ImagePart:
        url = part.url or ""
        kind = type_of_bytes(self._found[url].body)
        if kind not in _IMAGES:
            raise _refused(request, path, url, "what it holds is not a PNG, JPEG, GIF or WebP image")
        return msgspec.structs.replace(part, url=None, data=_text(self._found[url]), media_type=kind)

    def _document(self, part: DocumentPart, path: str, request: ChatRequest) -> DocumentPart:
        url = part.url or ""
        found = self._found[url]
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        kind = _shown_kind(found.body) or part.media_type or found.media_type
        if kind in _NOTHING_SAID:
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if kind == _PDF and not found.body.startswith(_PDF_BEGINS):
            raise _refused(request, path, url, "what it holds is not a PDF file")
        return msgspec.structs.replace(part, url=None, data=_text(found), media_type=kind, title=part.title or name or None)


def _urls(request: ChatRequest, wants: frozenset[Fetchable]) -> Iterator[tuple[str, str]]:
    """Every http(s) URL to be fetched, with the place of its part."""
    for message in request.messages:
        for index, part in enumerate(message.content):
            yield from _urls_of(part, part_path(message, index, request.dialect), wants)


def _urls_of(part: Part, path: str, wants: frozenset[Fetchable]) -> Iterator[tuple[str, str]]:
    if isinstance(part, ToolResultPart):
        for index, item in enumerate(part.content):
            yield from _urls_of(item, result_path(path, index), wants)
        return
    wanted = (isinstance(part, ImagePart) and "image" in wants) or (isinstance(part, DocumentPart) and "document" in wants)
    url = part.url if wanted and isinstance(part, ImagePart | DocumentPart) else None
    if url is not None and url[:8].lower().startswith(("http://", "https://")):
        yield url, path


def _shown_kind(body: bytes) -> str | None:
    """What a file itself shows that it is, whatever its server calls it."""
    return _PDF if body.startswith(_PDF_BEGINS) else type_of_bytes(body)


def _text(found: Fetched) -> str:
    return base64.b64encode(found.body).decode()


def _refused(request: ChatRequest, path: str, url: str, why: str) -> BadRequest:
    """The URL without its query, which may hold a signature."""
    place = request.client_paths((path,))[0]
    return BadRequest(
        f"{place}: {url.partition('?')[0][:_SHOWN_CHARACTERS]} could not be fetched: {why}", param=place, code="url_not_fetched"
    )
