"""Error bodies by route family (PRODUCT.md, Endpoints)."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson

from proxy.core.errors import ErrorInfo
from proxy.core.route import RouteInfo

Encode = Callable[[ErrorInfo], bytes]
_WORDS: dict[tuple[int, str | None], str] = {(422, "validation_error"): "VALIDATION_ERROR"}
"""Agenthub's words that are not made of the status."""


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """Agenthub's."""

    code: str
    message: str
    trace_id: str
    details: dict[str, Any]


class LabErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """The AWS lab's, and the agent gateway's."""

    detail: str


class ErrorBodies:
    """Renders an error in the dialect of the route that it happened on. `encoders`: dialect → its codec's `encode_error`."""

    def __init__(self, encoders: Mapping[str, Encode]) -> None:
        self._by_dialect = dict(encoders)
        self._by_family: dict[str, Encode] = {}
        for family, dialect in (
            ("openai", "openai_chat"),
            ("anthropic", "anthropic_messages"),
            ("bedrock", "bedrock_converse"),
            ("gemini", "gemini_generate"),
        ):
            if dialect in self._by_dialect:
                self._by_family[family] = self._by_dialect[dialect]

    def render(self, route: RouteInfo, error: ErrorInfo, trace_id: str) -> bytes:
        encode = self._by_dialect.get(route.dialect or "") or self._by_family.get(route.family)
        if encode is not None:
            return encode(error)
        if route.family == "invoke":
            return _encoded(LabErrorBody(detail=error.message))
        if error.code in ("rate_limit_exceeded", "budget_exceeded"):
            facts = dict(error.facts or {})
            return _encoded(ErrorBody(code=error.code.upper(), message=error.message, trace_id=trace_id, details=facts))
        code = _WORDS.get((error.status, error.code)) or ("INTERNAL_ERROR" if error.status == 500 else f"HTTP_{error.status}")
        details = {"code": error.code} | ({"param": error.param} if error.param else {}) | (error.facts or {})
        return _encoded(ErrorBody(code=code, message=error.message, trace_id=trace_id, details=details))


def _encoded(body: msgspec.Struct) -> bytes:
    return orjson.dumps(msgspec.structs.asdict(body))
