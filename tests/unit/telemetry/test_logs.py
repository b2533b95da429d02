"""Lines as they come out."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from proxy.core.context import AttemptRecord
from proxy.core.identity import Principal
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from proxy.telemetry import logs as module
from proxy.telemetry.logs import Logging, Stamp, current_trace_id, parse_level
from tests.unit.telemetry.test_metrics import ctx


class Output:
    """A Logging that writes into a pipe."""

    def __init__(self, **options: Any) -> None:
        self._reader, self._writer = os.pipe()
        self.logging = Logging(fd=self._writer, **options)

    def lines(self) -> list[dict[str, Any]]:
        """All so far; ends the logging."""
        self.logging.close()
        os.close(self._writer)
        data = b""
        while piece := os.read(self._reader, 65536):
            data += piece
        os.close(self._reader)
        return [json.loads(line) for line in data.splitlines()]


@pytest.fixture
def root() -> Iterator[None]:
    """The root logger as it was."""
    logger = logging.getLogger()
    handlers, level, hook = list(logger.handlers), logger.level, sys.excepthook
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)
    logging.captureWarnings(False)
    logging.getLogger("uvicorn").setLevel(logging.NOTSET)
    sys.excepthook = hook


def logged(record_level: int = logging.INFO, **options: Any) -> dict[str, Any]:
    """One record through the handler."""
    output = Output()
    logger = logging.Logger("some.name")
    logger.addHandler(output.logging.handler)
    logger.log(record_level, options.pop("message", "hello %s"), *options.pop("args", ("you",)), **options)
    (line,) = output.lines()
    return line


def accessed(context: Any, seconds: float = 0.0123456) -> dict[str, Any]:
    output = Output()
    output.logging.access.write(context, seconds)
    (line,) = output.lines()
    return line


def test_a_record() -> None:
    """Time in UTC with milliseconds and Z, level, logger, message, extras."""
    line = logged(extra={"port": 80, "odd": object})
    assert datetime.now(UTC).timestamp() - datetime.fromisoformat(line["ts"]).timestamp() < 60
    assert line["ts"].endswith("Z")
    assert len(line["ts"]) == len("2026-11-22T20:35:00.123Z")
    assert (line["level"], line["logger"], line["message"], line["port"]) == ("info", "some.name", "hello you", 80)
    assert line["odd"] == repr(object)


def test_an_exception() -> None:
    """Its traceback, in the one line."""
    try:
        raise LookupError("lost")
    except LookupError:
        line = logged(logging.ERROR, exc_info=True)
    assert "LookupError: lost" in line["exception"]


@pytest.mark.parametrize("message", ["lone \ud800 surrogate", "line\nbreak", 'quote " and \\'])
def test_any_text_is_one_json_line(message: str) -> None:
    """What JSON cannot carry is escaped."""
    line = logged(message=message, args=())
    assert line["message"].strip("'").replace("\\ud800", "\ud800") == message or line["message"] == message


def test_a_message_that_does_not_format_is_still_logged() -> None:
    """A wrong argument count is no second error."""
    assert logged(message="a %s %s", args=("b",))["message"] == "a %s %s"


def test_extras_do_not_overwrite() -> None:
    """The shape of a line is fixed."""
    assert logged(extra={"ts": "never", "level": "loud"})["level"] == "info"


def test_the_trace_of_the_context() -> None:
    """For work done on behalf of one request."""
    token = current_trace_id.set("a" * 32)
    try:
        assert logged()["trace_id"] == "a" * 32
    finally:
        current_trace_id.reset(token)


def test_secrets_are_replaced() -> None:
    """In messages, extras and tracebacks."""
    output = Output()
    output.logging.redact.add("sk-canary-123456")
    logger = logging.Logger("x")
    logger.addHandler(output.logging.handler)
    try:
        raise LookupError("sk-canary-123456")
    except LookupError:
        logger.exception("failed with sk-canary-123456", extra={"key": "sk-canary-123456"})
    assert "sk-canary" not in json.dumps(output.lines())


def test_own_levels_are_named() -> None:
    """A level that a library invented is kept by its name."""
    assert logged(25)["level"] == "level 25"
    assert logged(logging.CRITICAL)["level"] == "critical"


@pytest.mark.parametrize(
    ("text", "level"),
    [("info", 20), ("WARN", 30), ("trace", 10), ("off", 60), ("hyper=debug,warn", 30), ("info,tower=debug", 20), (" error ", 40)],
)
def test_levels(text: str, level: int) -> None:
    """Python's and Rust's words, and Rust's filter lists."""
    assert parse_level(text) == level


def test_an_unknown_level_is_an_error() -> None:
    """That lists the known ones."""
    with pytest.raises(ValueError, match="known: trace, debug"):
        parse_level("loud")


@pytest.mark.usefixtures("root")
def test_install_takes_over() -> None:
    """Root logger, uvicorn's loggers, warnings and uncaught exceptions go the same way, from the level on."""
    output = Output(level="warning")
    output.logging.install()
    logging.getLogger("llm_edge").info("too low")
    logging.getLogger("llm_edge").warning("high enough")
    logging.getLogger("uvicorn.error").info("chatter")
    sys.excepthook(LookupError, LookupError("lost"), None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert [line["message"] for line in output.lines()] == ["high enough", "uncaught exception"]


def test_access_line() -> None:
    """Everything one needs to find and judge a request."""
    context = ctx(
        principal=Principal(key_id="k1", tenant="t1"),
        served_model="gpt-4o-2024",
        usage=Usage(input_tokens=10, cache_read_tokens=5, output_tokens=20, estimated=True),
        cost_nanos=1_500_000,
        cost=Cost({"input": 500_000, "output": 1_000_000}, source="catalogue"),
        cache_status="miss",
        upstream_s=0.01,
        first_token_s=0.005,
        attempts=[AttemptRecord("openai", "gpt-4o")],
        client_ip="10.0.0.1",
        body_bytes_in=250,
        bytes_out=330,
        stream=True,
    )
    line = accessed(context)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "access",
        "message": "request",
        "trace_id": "0" * 32,
        "request_id": "0" * 32,
        "route": "/v1/chat/completions",
        "status": 200,
        "client_ip": "10.0.0.1",
        "key_id": "k1",
        "tenant": "t1",
        "model": "gpt-4o",
        "served_model": "gpt-4o-2024",
        "provider": "openai",
        "stream": True,
        "cache": "miss",
        "cache_tier": None,
        "attempts": 1,
        "prompt_tokens": 15,
        "completion_tokens": 20,
        "tokens_estimated": True,
        "cost_usd": 0.0015,
        "cost_nanos": 1_500_000,
        "cost_kinds": {"input": 500_000, "output": 1_000_000},
        "price_source": "catalogue",
        "duration_ms": 12.345,
        "upstream_ms": 10.0,
        "ttft_ms": 5.0,
        "bytes_in": 250,
        "bytes_out": 330,
    }


@pytest.mark.parametrize(
    ("cost", "nanos", "shown"),
    [
        (None, 0, {"cost_usd": 0.0}),
        (None, None, {}),
        (
            Cost({"input": 5}, incomplete=True, reasons=("a", "b"), source="settings"),
            5,
            {"cost_usd": 5e-9, "cost_nanos": 5, "cost_kinds": {"input": 5}, "price_source": "settings", "cost_incomplete": ["a", "b"]},
        ),
        (Cost({}, incomplete=True, reasons=("none",), unpriced=True), None, {"price_source": "none"}),
    ],
)
def test_cost_in_the_access_line(cost: Cost | None, nanos: int | None, shown: dict[str, Any]) -> None:
    """Exact where it is billed, with its doubts; of an unknown one it only says that it is."""
    line = accessed(ctx(cost=cost, cost_nanos=nanos))
    assert {name: value for name, value in line.items() if "cost" in name or "price" in name} == shown


def test_access_line_of_a_failure() -> None:
    """Code, whose fault, and the path without its query."""
    line = accessed(ctx(status=404, error="not_found", error_source="gateway", raw_path="/v1/x?key=sk-1", model=None))
    assert (line["error"], line["error_source"], line["cancelled"], line["path"]) == ("not_found", "gateway", False, "/v1/x")
    assert "model" not in line


def test_access_line_with_text_that_is_not_unicode() -> None:
    """Written all the same, with the request's id."""
    line = accessed(ctx(error="not_found", raw_path="/\ud800", model="\ud800"))
    assert "0" * 32 in line["trace_id"]


def test_a_client_cannot_write_into_the_line() -> None:
    """Quotes in an address or a model stay inside their string."""
    line = accessed(ctx(client_ip='1","status":"999', model='m","status":"999'))
    assert line["status"] == 200
    assert line["client_ip"] == '1","status":"999'


def test_long_models_are_cut() -> None:
    """The log is no place for a megabyte."""
    assert len(accessed(ctx(model="m" * 100_000))["model"]) == 200


def test_kept_parts_are_bounded() -> None:
    """Many different models do not grow the process."""
    output = Output()
    for n in range(module.MAX_HEADS + 10):
        output.logging.access.write(ctx(model=f"m{n}"), 0.1)
        if n % 100 == 0:
            os.read(output._reader, 1 << 20)
    assert len(output.logging.access._heads) <= module.MAX_HEADS
    output.lines()


def test_switched_off() -> None:
    """No access lines, other lines still."""
    output = Output(access=False)
    output.logging.access.write(ctx(), 0.1)
    assert output.lines() == []


def test_stamps_across_seconds() -> None:
    """The second's text is renewed."""
    stamp = Stamp()
    assert stamp(0.0) == "1970-01-01T00:00:00.000Z"
    assert stamp(0.9999) == "1970-01-01T00:00:00.999Z"
    assert stamp(1.5) == "1970-01-01T00:00:01.500Z"


def test_a_crash_loses_no_line() -> None:
    """What was logged before an uncaught exception, and the exception itself, are on standard output."""
    code = (
        "import asyncio, logging\nfrom proxy.telemetry.logs import Logging\nlogs = Logging()\nlogs.install()\n"
        "async def main():\n    logs.buffer.attach(asyncio.get_running_loop())\n"
        "    logging.getLogger('x').info('before')\n    raise LookupError('lost')\n"
        "asyncio.run(main())\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["message"] for line in lines] == ["before", "uncaught exception"]
    assert "LookupError: lost" in lines[1]["exception"]
    assert result.returncode == 1
