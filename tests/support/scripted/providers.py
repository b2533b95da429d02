"""The socket of the scripted providers: which dialect a path speaks, who may call, and what goes out."""

import json
import re
from typing import Any, Literal, Self, get_args
from urllib.parse import unquote

from proxy.settings import Settings
from tests.support.gateway import settings
from tests.support.scripted import chat, converse, gemini, messages, responses, script
from tests.support.scripted.script import Heard, Refused, Rejected, Said
from tests.support.upstream import Call, Upstream

Dialect = Literal["chat", "responses", "messages", "converse", "gemini"]
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
PROVIDER_KEY = "sk-scripted-canary-1234567890"
MODELS: dict[Dialect, str] = {
    "chat": "gpt-5-mini",
    "responses": "gpt-5-mini",
    "messages": "claude-sonnet-4-5",
    "converse": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "gemini": "gemini-2.5-flash",
}
_SPEAKERS: dict[Dialect, Any] = {"chat": chat, "responses": responses, "messages": messages, "converse": converse, "gemini": gemini}
_PATHS: dict[str, Dialect] = {"/v1/chat/completions": "chat", "/v1/responses": "responses", "/v1/messages": "messages"}
_CONVERSE = re.compile(r"/model/([^/]+)/(converse|converse-stream)")
_GEMINI = re.compile(r"/v1beta/models/([^/:]+):(generateContent|streamGenerateContent\?alt=sse)")


class ScriptedProviders:
    """Five providers behind one address; see the package's docstring."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.rejected: list[str] = []
        """Reasons of the requests that broke a rule."""
        self.upstream = Upstream()
        self.upstream.on(self._handle)

    async def __aenter__(self) -> Self:
        await self.upstream.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.upstream.__aexit__(*exc)

    @staticmethod
    def model(dialect: Dialect, *, throttled: bool = False) -> str:
        """The name by which the gateway sends a request to that provider. `throttled`: to a twin of it, since the gateway leaves a
        provider alone for as long as its `Retry-After` said."""
        return f"{dialect}{'_throttled' if throttled else ''}/{MODELS[dialect]}"

    def settings(self, **more: Any) -> Settings:
        """A gateway with the five providers, named by their dialect, and the echo; one attempt for each request. Sections in `more` win."""
        url, keys = self.upstream.url, [PROVIDER_KEY]
        providers: dict[str, Any] = {
            "chat": {"kind": "openai", "base_url": f"{url}/v1", "api_keys": keys, "dialects": ["chat"]},
            "responses": {"kind": "openai", "base_url": f"{url}/v1", "api_keys": keys, "dialects": ["responses"]},
            "messages": {"kind": "anthropic", "base_url": url, "api_keys": keys},
            "converse": {"kind": "bedrock", "base_url": url, "api_keys": keys, "region": "eu-west-1"},
            "gemini": {"kind": "gemini", "base_url": url, "api_keys": keys},
        }
        providers |= {"echo": {"kind": "echo"}} | {f"{name}_throttled": provider for name, provider in providers.items()}
        return settings(**{"providers": providers, "routing": {"retries": {"attempts": 1}, "breaker": {"enabled": False}}, **more})

    async def _handle(self, call: Call) -> None:
        dialect, model, streams = _addressed(call.path)
        if dialect is None:
            await call.answer(404, {"error": {"message": f"nothing at {call.path}"}})
            return
        speaker = _SPEAKERS[dialect]
        try:
            _identified(call, dialect)
            body = json.loads(call.body)
            heard: Heard = speaker.read(body) if model is None else speaker.read(body, model, stream=streams)
            script.check(heard)
        except Rejected as exc:
            self.rejected.append(f"{dialect}: {exc}")
            await _refuse(call, dialect, Refused(400, str(exc), param=exc.param))
            return
        except (KeyError, TypeError, AttributeError, ValueError) as exc:
            self.rejected.append(f"{dialect}: {exc!r}")
            await _refuse(call, dialect, Refused(400, f"malformed: {exc!r}"))
            return
        self.heard.append(heard)
        said = script.answer(heard)
        if isinstance(said, Refused):
            await _refuse(call, dialect, said)
        elif heard.stream:
            await _stream(call, dialect, speaker.stream(said, heard), said)
        else:
            await _whole(call, speaker.whole(said, heard), said)


def _addressed(path: str) -> tuple[Dialect | None, str | None, bool]:
    """Dialect, the model in the path, whether the path asks for a stream."""
    if path in _PATHS:
        return _PATHS[path], None, False
    if found := _CONVERSE.fullmatch(path):
        return "converse", unquote(found[1]), found[2] == "converse-stream"
    if found := _GEMINI.fullmatch(path):
        return "gemini", unquote(found[1]), found[2].startswith("stream")
    return None, None, False


def _identified(call: Call, dialect: Dialect) -> None:
    """Each provider's own way to show a key, and nobody else's. Raises Rejected."""
    shown = {name: call.headers[name] for name in ("authorization", "x-api-key", "x-goog-api-key") if name in call.headers}
    name = {"messages": "x-api-key", "gemini": "x-goog-api-key"}.get(dialect, "authorization")
    if shown != {name: f"Bearer {PROVIDER_KEY}" if name == "authorization" else PROVIDER_KEY}:
        raise Rejected(f"credentials in {sorted(shown)}")
    if dialect == "messages" and "anthropic-version" not in call.headers:
        raise Rejected("anthropic-version: header is required")
    if not call.headers.get("content-type", "").startswith("application/json"):
        raise Rejected(f"content-type {call.headers.get('content-type')!r}")


async def _refuse(call: Call, dialect: Dialect, refused: Refused) -> None:
    headers = {"x-amzn-errortype": converse.ERROR_TYPES[refused.status]} if dialect == "converse" else {}
    if refused.retry_after_s is not None:
        headers["retry-after"] = str(refused.retry_after_s)
    await call.answer(refused.status, _SPEAKERS[dialect].refusal(refused), headers)


async def _whole(call: Call, body: dict[str, Any], said: Said) -> None:
    data = json.dumps(body).encode()
    await call.head(200, {"content-type": "application/json", "content-length": str(len(data))})
    await call.raw(data[: len(data) // 2] if said.breaks else data)
    if said.breaks:
        call.close()


async def _stream(call: Call, dialect: Dialect, events: list[bytes], said: Said) -> None:
    kind = "application/vnd.amazon.eventstream" if dialect == "converse" else "text/event-stream"
    await call.head(200, {"content-type": kind, "transfer-encoding": "chunked"})
    for event in events[: len(events) // 2] if said.breaks else events:
        await call.chunk(event)
    if said.breaks:
        call.close()
    else:
        await call.end_stream()
