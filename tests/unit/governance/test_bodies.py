"""Error bodies by route family."""

from typing import Any

import orjson
import pytest

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.gemini_generate import GeminiGenerateCodec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.errors import ErrorInfo, InvalidField
from proxy.core.route import Family, RouteInfo
from proxy.governance.bodies import ErrorBodies

TRACE = "0af7651916cd43dd8448eb211c80319c"
WRONG = ErrorInfo(status=404, message="no such thing", code="not_found", param="x", blame="client")


def body(family: Family, error: ErrorInfo = WRONG, dialect: str | None = None) -> Any:
    codecs = (OpenAIChatCodec(), AnthropicMessagesCodec(), BedrockConverseCodec(), GeminiGenerateCodec())
    bodies = ErrorBodies({codec.name: codec.encode_error for codec in codecs})
    return orjson.loads(bodies.render(RouteInfo(name="/x", family=family, dialect=dialect), error, TRACE))


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("openai", {"error": {"message": "no such thing", "type": "not_found_error", "param": "x", "code": "not_found"}}),
        ("anthropic", {"type": "error", "error": {"type": "not_found_error", "message": "x: no such thing"}}),
        ("invoke", {"detail": "no such thing"}),
        ("bedrock", {"detail": "x: no such thing", "message": "x: no such thing"}),
        *(
            (family, {"code": "HTTP_404", "message": "no such thing", "trace_id": TRACE, "details": {"code": "not_found", "param": "x"}})
            for family in ("agents", "admin", "ops")
        ),
    ],
)
def test_each_family_has_its_shape(family: Family, expected: Any) -> None:
    """As docs/errors.md says."""
    assert body(family) == expected


def test_geminis_shape_is_googles() -> None:
    """Status words of google.rpc; the field stands in a detail."""
    error = body("gemini")["error"]
    assert (error["code"], error["message"], error["status"]) == (404, "no such thing", "NOT_FOUND")
    assert {"field": "x", "description": "no such thing"} in error["details"][-1]["fieldViolations"]


def test_the_routes_dialect_decides_before_its_family() -> None:
    """A generation route speaks its codec's."""
    assert body("ops", dialect="anthropic_messages")["type"] == "error"


def test_as_code_of_an_internal_error() -> None:
    """A's word; there is no `param` where no field is at fault."""
    answer = body("ops", ErrorInfo(status=500, message="m", code="internal_error"))
    assert (answer["code"], answer["details"]) == ("INTERNAL_ERROR", {"code": "internal_error"})


def test_facts_of_an_error_are_among_the_details() -> None:
    """Where the family's body has room for them."""
    info = ErrorInfo(status=409, message="m", code="managed_by_file", facts={"where": "c.yaml:1:2"})
    assert body("admin", info)["details"] == {"code": "managed_by_file", "where": "c.yaml:1:2"}


def test_without_a_codec_the_family_still_answers() -> None:
    """In the operations' shape."""
    raw = ErrorBodies({}).render(RouteInfo(name="/x", family="openai"), WRONG, TRACE)
    assert orjson.loads(raw)["code"] == "HTTP_404"


def test_agenthub_s_word_for_a_wrong_field() -> None:
    """Other 422s are named by their status."""
    wrong = InvalidField("unknown", "limits.rmp")
    said = body("admin", wrong.info())
    assert (said["code"], said["message"]) == ("VALIDATION_ERROR", "limits.rmp: unknown")
    assert said["details"]["errors"] == [{"loc": ["body", "limits", "rmp"], "msg": "unknown"}]
    assert body("admin", ErrorInfo(status=422, message="x", code="config_refused"))["code"] == "HTTP_422"


def test_a_budget_that_is_used_up_in_agenthubs_shape() -> None:
    """Its code, and the figures."""
    info = ErrorInfo(status=402, message="Monthly budget exceeded: $1.00 / $1.00", code="budget_exceeded", facts={"budget_usd": 1.0})
    answer = body("agents", info)
    assert (answer["code"], answer["details"]) == ("BUDGET_EXCEEDED", {"budget_usd": 1.0})
