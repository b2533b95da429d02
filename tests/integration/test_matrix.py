"""The protocol matrix over real sockets: each client dialect at each provider, whole and streamed, in each case, through one gateway.

Prints its table at the end of the run (tests/integration/conftest.py).
"""

import json
from collections.abc import Callable, Iterator
from types import ModuleType

import httpx2
import pytest

from tests.support.matrix import chat, converse, gemini, messages, responses
from tests.support.matrix.cells import CELLS, EMPTY, MAX_EMPTY, REASONS, Cell
from tests.support.matrix.got import PNG_BASE64, TOOL, WORDS, Call, Fault, Got, Json
from tests.support.scripted import script
from tests.support.scripted.providers import MODELS
from tests.support.scripted.stage import Stage, on_stage
from tests.support.scripted.talk import PROMPT_TOKENS, SEEN, TOLD, TOLD_ONE

CLIENTS: dict[str, ModuleType] = {
    "chat": chat,
    "responses": responses,
    "messages": messages,
    "converse": converse,
    "gemini": gemini,
}
THROTTLED = {
    "chat": ("rate_limit_error", ""),
    "responses": ("rate_limit_error", ""),
    "messages": ("rate_limit_error", ""),
    "converse": ("", "ThrottlingException"),
    "gemini": ("RESOURCE_EXHAUSTED", ""),
}
"""Client → the error's kind in the body and in the header of AWS."""
_MODELS: dict[str, str] = {str(dialect): model for dialect, model in MODELS.items()}
FILLED = [cell for cell in CELLS if cell not in EMPTY]


class Client:
    """One client dialect at one provider."""

    def __init__(self, stage: Stage, http: httpx2.Client, cell: Cell) -> None:
        self.stage = stage
        self.cell = cell
        self.speaks = CLIENTS[cell.client]
        self.stream = cell.way == "stream"
        self._http = http

    def ask(self) -> tuple[str, Json]:
        """A model that throttles is left alone for a while: in that case each cell has one of its own."""
        cell = self.cell
        model = f"{cell.provider}/{_MODELS[cell.provider]}" + (f"-{cell.client}-{cell.way}" if cell.case == "error" else "")
        path, body = self.speaks.ask(cell.case, model, stream=self.stream)
        return path, body

    def send(self, path: str, body: Json) -> httpx2.Response:
        """Nothing of the request may get lost on its way, nor may the provider find anything wrong with it."""
        answer = self._http.post(path, json=body)
        lost = answer.headers.get("x-llm-edge-dropped", "").split(",")
        assert [name for name in lost if name and not name.startswith("response.")] == []
        assert self.stage.up.rejected == []
        assert self.stage.up.heard[-1].dialect == self.cell.provider
        return answer

    def read(self, answer: httpx2.Response) -> Got:
        assert answer.status_code == 200, answer.text
        got: Got = self.speaks.streamed(answer.content) if self.stream else self.speaks.whole(answer.json())
        return got

    def success(self, path: str, body: Json) -> Got:
        """A whole answer with the right counts."""
        got = self.read(self.send(path, body))
        assert (got.ended, got.fault) == (True, None)
        assert (got.prompt, got.cached, got.output) == (PROMPT_TOKENS, script.CACHED, script.OUTPUT)
        return got


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with on_stage() as started:
        yield started


@pytest.fixture(scope="module")
def http(stage: Stage) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {stage.key}"}
    with httpx2.Client(base_url=stage.url, headers=headers, timeout=20, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("cell", FILLED, ids=str)
def test_cell(cell: Cell, stage: Stage, http: httpx2.Client, record_property: Callable[[str, object], None]) -> None:
    """By meaning the provider's answer, in the client's dialect and by its rules."""
    record_property("matrix", str(cell))
    stage.up.rejected.clear()
    _CHECKS[cell.case](Client(stage, http, cell))


def _text(client: Client) -> None:
    got = client.success(*client.ask())
    assert (got.text, got.calls, got.finish) == (f"You said: {WORDS['text']} ✓", [], "stop")


def _tools(client: Client) -> None:
    _calls(client, ["Rome"], TOLD_ONE)


def _parallel(client: Client) -> None:
    _calls(client, ["Paris", "Rome"], TOLD)


def _calls(client: Client, cities: list[str], told: str) -> None:
    """The calls arrive with the provider's ids, and their results get back to it."""
    path, body = client.ask()
    got = client.success(path, body)
    wanted = [Call(f"call_{n}_of_{client.cell.provider}", TOOL, {"city": city}) for n, city in enumerate(cities, 1)]
    assert (got.calls, got.finish) == (wanted, "calls")
    after = client.success(path, client.speaks.go_on(body, got, [f"sunny in {city}" for city in cities]))
    assert (after.text, after.calls, after.finish) == (told, [], "stop")


def _image(client: Client) -> None:
    """Byte by byte."""
    got = client.success(*client.ask())
    assert got.text == SEEN
    assert PNG_BASE64.encode() in client.stage.up.upstream.calls[-1].body


def _structured(client: Client) -> None:
    got = client.success(*client.ask())
    assert json.loads(got.text) == {"name": "Ada", "age": 36}
    assert client.stage.up.heard[-1].schema is not None


def _error(client: Client) -> None:
    """The provider's status, time to wait and words, in the client's form; no stream begins (Google's errors to a client that wants events
    come under their type)."""
    answer = client.send(*client.ask())
    events = client.stream and client.cell.client == "gemini"
    kind, header = THROTTLED[client.cell.client]
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == str(script.RETRY_AFTER_S)
    assert answer.headers["content-type"] == ("text/event-stream" if events else "application/json")
    assert answer.headers.get("x-amzn-errortype", "").partition(":")[0] == header
    assert client.speaks.fault(answer.json()) == Fault(kind, "slow down")


def _truncated(client: Client) -> None:
    """Never a success: a status before the first content, else an error in the stream and no end of the dialect's own."""
    answer = client.send(*client.ask())
    if not client.stream:
        assert answer.status_code == 502
        assert client.speaks.fault(answer.json()).message
        return
    got = client.read(answer)
    assert got.fault is not None
    assert (got.ended, got.finish) == (False, None)
    assert f"You said: {WORDS['truncated']} ✓".startswith(got.text)
    assert got.text


_CHECKS: dict[str, Callable[[Client], None]] = {
    "text": _text,
    "tools": _tools,
    "parallel": _parallel,
    "image": _image,
    "structured": _structured,
    "error": _error,
    "truncated": _truncated,
}


def test_few_cells_are_empty_and_for_good_reasons() -> None:
    """At most a tenth, each for a reason of the closed list."""
    assert len(CELLS) == 350
    assert set(EMPTY) <= set(CELLS)
    assert set(EMPTY.values()) <= set(REASONS)
    assert len(EMPTY) <= MAX_EMPTY * len(CELLS)
