"""URLs of images and documents become bytes."""

import base64
from typing import Any

import pytest

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec
from proxy.codecs.helped import EVERYTHING, INLINE_ONLY
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.core.errors import BadRequest
from proxy.core.messages import DocumentPart, ImagePart, Part, ToolResultPart
from proxy.core.request import ChatRequest
from proxy.pipeline.inline_media import FetchRules, Inlining
from proxy.transport.url_fetch import Fetched, FetchFailed

PNG = b"\x89PNG\r\n\x1a\n...."
JPEG = b"\xff\xd8\xff\xe0...."
PDF = b"%PDF-1.7 ...."


class Web:
    """URL → what it holds; anything else is not there."""

    def __init__(self, **pages: Fetched) -> None:
        self.pages = {f"https://x.example/{name.replace('_', '.')}": page for name, page in pages.items()}
        self.asked: list[str] = []

    async def fetch(self, url: str, *, deadline: float) -> Fetched:
        self.asked.append(url)
        if url.partition("?")[0] not in self.pages:
            raise FetchFailed("the server answered with status 404")
        return self.pages[url.partition("?")[0]]

    async def aclose(self) -> None:
        """Nothing is open."""


def rules(web: Web, max_urls: int = 3) -> FetchRules:
    return FetchRules(fetcher=web, max_urls=max_urls, wants={"bedrock": EVERYTHING})


def chat(*urls: str) -> ChatRequest:
    content = [{"type": "text", "text": "look"}, *({"type": "image_url", "image_url": {"url": url, "detail": "low"}} for url in urls)]
    return decoded(OpenAIChatCodec(now=lambda: 0.0), {"model": "m", "messages": [{"role": "user", "content": content}]})


def messages(*blocks: dict[str, Any]) -> ChatRequest:
    return decoded(AnthropicMessagesCodec(), {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": list(blocks)}]})


def decoded(codec: Codec, body: dict[str, Any]) -> ChatRequest:
    return codec.decode_request(body, {})


def at(url: str, kind: str = "document", **more: Any) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "url", "url": url}, **more}


async def inlined(request: ChatRequest, web: Web, max_urls: int = 3) -> tuple[Part, ...]:
    return (await Inlining(rules(web, max_urls)).inlined(request, EVERYTHING, 1e9)).messages[0].content


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def test_an_image_is_named_by_its_bytes() -> None:
    """Whatever its server calls it; what the client said of it stays."""
    web = Web(a_png=Fetched(JPEG, "image/png"))
    _, image = await inlined(chat("https://x.example/a.png?sig=1"), web)
    assert image == ImagePart(data=text(JPEG), media_type="image/jpeg", detail="low")


@pytest.mark.parametrize(
    ("name", "found", "kind"),
    [
        ("a_pdf", Fetched(PDF, "application/octet-stream"), "application/pdf"),
        ("a_csv", Fetched(b"a,b", ""), "text/csv"),
        ("a_html", Fetched(b"<p>", "text/html"), "text/html"),
        ("a", Fetched(b"??", ""), "application/octet-stream"),
    ],
)
async def test_a_document_has_type_and_title(name: str, found: Fetched, kind: str) -> None:
    """By its bytes, its server, its name; the title is the file's name."""
    file = name.replace("_", ".")
    (part,) = await inlined(messages(at(f"https://x.example/{file}")), Web(**{name: found}))
    assert isinstance(part, DocumentPart)
    sent = part.media_type
    assert (part.url, part.data, part.title) == (None, text(found.body), file)
    assert sent == kind


async def test_a_title_of_the_clients_own_stays() -> None:
    """It was chosen."""
    (part,) = await inlined(messages(at("https://x.example/a.pdf", title="Report")), Web(a_pdf=Fetched(PDF, "")))
    assert isinstance(part, DocumentPart)
    assert part.title == "Report"


async def test_parts_inside_tool_results_are_seen() -> None:
    """And one URL is fetched once for all its places."""
    image = at("https://x.example/a.png", "image")
    request = messages({"type": "tool_result", "tool_use_id": "t", "content": [image, {"type": "text", "text": "x"}]}, image)
    web = Web(a_png=Fetched(PNG, ""))
    result, outer = await inlined(request, web)
    assert isinstance(result, ToolResultPart)
    assert isinstance(result.content[0], ImagePart)
    assert isinstance(outer, ImagePart)
    assert result.content[0].data == outer.data == text(PNG)
    assert web.asked == ["https://x.example/a.png"]


async def test_only_what_is_wanted_is_fetched() -> None:
    """A dialect that takes image URLs gets them."""
    web = Web(a_pdf=Fetched(PDF, ""))
    request = messages(at("https://x.example/a.png", "image"), at("https://x.example/a.pdf"))
    image, document = (await Inlining(rules(web)).inlined(request, INLINE_ONLY["openai_chat"], 1e9)).messages[0].content
    assert isinstance(image, ImagePart)
    assert isinstance(document, DocumentPart)
    assert (image.url, document.data) == ("https://x.example/a.png", text(PDF))


async def test_a_second_try_fetches_nothing_again() -> None:
    """Another target of the same request uses what is there."""
    web = Web(a_png=Fetched(PNG, ""))
    inlining, request = Inlining(rules(web)), chat("https://x.example/a.png")
    assert await inlining.inlined(request, EVERYTHING, 1e9) == await inlining.inlined(request, EVERYTHING, 1e9)
    assert len(web.asked) == 1


async def test_what_is_here_already_is_left_alone() -> None:
    """Data URLs and buckets are the codec's."""
    request = chat("data:image/png;base64,AAAA", "s3://bucket/a.png", "https:/broken")
    web = Web()
    assert await Inlining(rules(web)).inlined(request, EVERYTHING, 1e9) is request
    assert not web.asked


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Fetched(b"<html>", "image/png"), "what it holds is not a PNG, JPEG, GIF or WebP image"),
        (Fetched(PDF, "image/png"), "what it holds is not a PNG, JPEG, GIF or WebP image"),
        (None, "the server answered with status 404"),
    ],
)
async def test_what_is_no_image_is_the_clients_mistake(found: Fetched | None, why: str) -> None:
    """Named by its path in the client's dialect, without the query of its URL, which may hold a signature."""
    web = Web(**({} if found is None else {"a_png": found}))
    with pytest.raises(BadRequest) as caught:
        await inlined(chat("https://x.example/a.png?sig=secret"), web)
    assert caught.value.code == "url_not_fetched"
    assert caught.value.param == "messages[0].content[1]"
    assert caught.value.message == f"messages[0].content[1]: https://x.example/a.png could not be fetched: {why}"


async def test_what_is_no_pdf_is_the_clients_mistake() -> None:
    """A page that asks for a password is not the document."""
    with pytest.raises(BadRequest, match="not a PDF file"):
        await inlined(messages(at("https://x.example/a.pdf")), Web(a_pdf=Fetched(b"<html>", "application/pdf")))


async def test_the_number_of_urls_is_capped() -> None:
    """Nothing is fetched then."""
    web = Web()
    with pytest.raises(BadRequest, match=r"messages\[0\].content\[3\]: more than 2 URLs would have to be fetched"):
        await inlined(chat(*(f"https://x.example/{i}.png" for i in range(3))), web, max_urls=2)
    assert not web.asked


async def test_the_place_is_the_clients() -> None:
    """Responses nests otherwise."""
    content = [{"type": "input_image", "image_url": "https://x.example/no.png"}]
    request = decoded(OpenAIResponsesCodec(now=lambda: 0.0), {"model": "m", "input": [{"role": "user", "content": content}]})
    with pytest.raises(BadRequest) as caught:
        await inlined(request, Web())
    assert caught.value.param == "input[0].content[0]"
