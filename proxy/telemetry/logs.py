"""JSON logs, one object a line: the standard library's records and the access log, in one shape and through one buffer.

Every line: `ts` (UTC, ms, Z), `level`, `logger`, `message`; `trace_id` where there is one.
"""

import logging
import sys
import time
import traceback
from contextvars import ContextVar
from typing import Any

import orjson

from proxy.core.context import RequestContext
from proxy.core.money import NANOS_PER_USD
from proxy.core.pricing import Cost
from proxy.telemetry.logbuffer import LogBuffer
from proxy.telemetry.redact import Redactor
from proxy.telemetry.sink import open_sink

current_trace_id: ContextVar[str | None] = ContextVar("llm_edge_trace_id", default=None)
"""Set by whoever works for one request outside its own handler; records made there carry it."""

MAX_HEADS = 2000
"""Distinct repeating parts of access log lines kept, some 300 bytes each; then all are made anew."""

_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
    "off": logging.CRITICAL + 10,
}
_NAMES = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}
_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
_MILLIS = tuple(f"{ms:03d}Z" for ms in range(1000))
_LINE = orjson.OPT_APPEND_NEWLINE
_LOOSE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS


class Stamp:
    """`2026-11-22T20:35:00.123Z`: the second's text is made once a second."""

    __slots__ = ("_prefix", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""

    def __call__(self, unix_s: float) -> str:
        second = int(unix_s)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        return self._prefix + _MILLIS[int((unix_s - second) * 1000)]


class AccessLog:
    """One line a request. Fields of the RequestContext only: never a header, a body or a query string.

    What repeats from request to request (route, model, key, …) is encoded once and kept: 2 µs a line, half of what one dict a line costs.
    """

    def __init__(self, buffer: LogBuffer, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._put = buffer.put
        self._stamp = Stamp()
        self._heads: dict[tuple[object, ...], bytes] = {}

    def write(self, ctx: RequestContext, seconds: float) -> None:
        """`seconds`: from the request's head to the end of its answer."""
        if not self.enabled:
            return
        principal = ctx.principal
        key_id = None if principal is None else principal.key_id + principal.purpose
        key = (
            ctx.route.name,
            ctx.status,
            key_id,
            ctx.client_ip,
            ctx.model,
            ctx.served_model,
            ctx.provider,
            ctx.cache_status,
            ctx.cache_tier,
            ctx.stream,
        )
        head = self._heads.get(key) or self._head(key, ctx)
        line: dict[str, Any] = {
            "ts": self._stamp(ctx.unix_started + seconds),
            "trace_id": ctx.trace_id,
            "request_id": ctx.request_id,
            "duration_ms": int(seconds * 1e6) / 1e3,
            "upstream_ms": int(ctx.upstream_s * 1e6) / 1e3,
            "bytes_in": ctx.body_bytes_in,
            "bytes_out": ctx.bytes_out,
        }
        if ctx.attempts:
            line["attempts"] = tries = len(ctx.attempts)
            if tries > 1 or ctx.error is not None:
                line["tries"] = [attempt.as_dict() for attempt in ctx.attempts]
        if ctx.stopped is not None:
            line["stopped"] = ctx.stopped
        if (usage := ctx.usage) is not None:
            line["prompt_tokens"] = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
            line["completion_tokens"] = usage.output_tokens
            if usage.estimated:
                line["tokens_estimated"] = True
        if ctx.cost_nanos is not None:
            line["cost_usd"] = ctx.cost_nanos / NANOS_PER_USD
        if (cost := ctx.cost) is not None:
            if cost.unpriced:
                line["price_source"] = "none"  # why is said once a model, by the pipeline
            else:
                _add_cost(line, cost)
        if ctx.first_token_s is not None:
            line["ttft_ms"] = int(ctx.first_token_s * 1e6) / 1e3
        if ctx.error is None and not ctx.cancelled:
            raw = orjson.dumps(line)
        else:
            _add_error(line, ctx)
            raw = _dump_loose(line).rstrip()
        self._put(raw[:-1] + head)

    def _head(self, key: tuple[object, ...], ctx: RequestContext) -> bytes:
        """The part of the line that repeats, with its comma, brace and newline."""
        principal = ctx.principal
        fields: dict[str, Any] = {
            "level": "info",
            "logger": "access",
            "message": "request",
            "route": ctx.route.name,
            "status": ctx.status,
            "client_ip": ctx.client_ip,
        }
        if principal is not None:
            fields["key_id"] = principal.key_id
            fields["tenant"] = principal.tenant
            if principal.purpose:
                fields["purpose"] = principal.purpose
        if ctx.model is not None:
            fields["model"] = ctx.model[:200]
            fields["served_model"] = ctx.served_model
            fields["provider"] = ctx.provider
            fields["stream"] = ctx.stream
            fields["cache"] = ctx.cache_status
            fields["cache_tier"] = ctx.cache_tier
        head = b"," + _dump_loose(fields)[1:]
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        if ctx.model is None or len(ctx.model) <= 200:
            self._heads[key] = head
        return head


def _add_cost(line: dict[str, Any], cost: Cost) -> None:
    """Of a call that is billed: the exact sum, its kinds, and what is doubtful about it."""
    line["cost_nanos"] = cost.total
    line["cost_kinds"] = cost.nanos
    line["price_source"] = cost.source
    if cost.incomplete:
        line["cost_incomplete"] = cost.reasons


def _add_error(line: dict[str, Any], ctx: RequestContext) -> None:
    line["error"] = ctx.error
    line["error_source"] = ctx.error_source
    line["cancelled"] = ctx.cancelled
    line["path"] = ctx.raw_path.split("?", 1)[0][:200]


class JsonHandler(logging.Handler):
    """Standard library records. What `extra=` adds stands at the top level of the object."""

    def __init__(self, buffer: LogBuffer, redact: Redactor) -> None:
        super().__init__()
        self._buffer = buffer
        self._redact = redact
        self._stamp = Stamp()

    def emit(self, record: logging.LogRecord) -> None:
        line: dict[str, Any] = {
            "ts": self._stamp(record.created),
            "level": _NAMES.get(record.levelno, record.levelname.lower()),
            "logger": record.name,
            "message": _message(record),
        }
        if (trace_id := current_trace_id.get()) is not None:
            line["trace_id"] = trace_id
        for key, value in record.__dict__.items():
            if key not in _PLAIN and key not in line:
                line[key] = value
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = "".join(traceback.format_exception(record.exc_info[1]))[-16_000:]
        self._buffer.put(self._redact(_dump_loose(line)))
        if record.levelno >= logging.CRITICAL:
            self._buffer.flush()


def parse_level(text: str) -> int:
    """LOG_LEVEL, or RUST_LOG with directives (`warn,hyper=debug`: the first bare word counts). Raises ValueError with the known words."""
    for word in text.split(","):
        name = word.strip().lower()
        if name in _LEVELS:
            return _LEVELS[name]
        if name and "=" not in name:
            break
    raise ValueError(f"unknown log level {text!r}; known: {', '.join(_LEVELS)}")


class Logging:
    """The buffer, the handler and the access log of one process."""

    def __init__(self, *, level: str = "info", fd: int = 1, access: bool = True) -> None:
        self.redact = Redactor()
        self.buffer = LogBuffer(open_sink(fd))
        self.handler = JsonHandler(self.buffer, self.redact)
        self.access = AccessLog(self.buffer, enabled=access)
        self._level = parse_level(level)

    def install(self) -> None:
        """Take over the root logger; what libraries set up for themselves is undone."""
        root = logging.getLogger()
        root.handlers[:] = [self.handler]
        root.setLevel(self._level)
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
        logging.getLogger("uvicorn").setLevel(max(self._level, logging.WARNING))
        logging.captureWarnings(True)
        sys.excepthook = _log_uncaught

    def close(self) -> None:
        root = logging.getLogger()
        if self.handler in root.handlers:
            root.removeHandler(self.handler)
        self.buffer.close()


def _log_uncaught(kind: type[BaseException], value: BaseException, tb: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("llm_edge").critical("uncaught exception", exc_info=(kind, value, tb))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return str(record.msg)


def _dump_loose(line: dict[str, Any]) -> bytes:
    """Anything printable: what orjson cannot encode is written as its repr, lone surrogates as escapes."""
    try:
        return orjson.dumps(line, default=repr, option=_LOOSE)
    except orjson.JSONEncodeError:
        clean = {str(k): repr(v).encode("ascii", "backslashreplace").decode() for k, v in line.items()}
        return orjson.dumps(clean, option=_LINE)
