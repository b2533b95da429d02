"""Errors carry their HTTP meaning, and docs/errors.md tells it as it is."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

import proxy
from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.errors import BadRequest, EdgeError, ErrorInfo, ProviderRejected, UpstreamTimeout
from proxy.governance.response_headers import error_headers
from proxy.serving.refusals import Reason, refusal
from tests.architecture.source_tree import ROOT

PAGE = (ROOT / "docs/errors.md").read_text()
NEVER_SENT = {"client_closed_request"}
NOT_THE_CODECS = {"not_started"}
"""Answered before there is a codec."""


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables under a heading, less their first two rows each, backticks removed."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = [[cell.strip().strip("`") for cell in line.strip("| ").split(" | ")] for line in section.splitlines() if line.startswith("|")]
    return [cells for cells in found if not cells[0].startswith("---") and cells[0] not in ("code", "status")]


FAULTS = {
    cells[0]: cells
    for heading in ("The request is wrong", "The gateway cannot do it now", "The provider failed")
    for cells in rows(heading)
    if not cells[0].isdigit()
}


def classes() -> Iterator[type[EdgeError]]:
    """Every error class with a code of its own, wherever it is defined."""
    for module in pkgutil.walk_packages(proxy.__path__, "proxy."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    todo = [EdgeError]
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if "code" in vars(kind) and kind.__module__.startswith("proxy."):
            yield kind


def described(error: ErrorInfo) -> tuple[str, str, str, str]:
    """(OpenAI type, Anthropic type, retryable, x-should-retry) as the table spells them."""
    told = dict(error_headers(error)).get(b"x-should-retry", b"-").decode()
    return kind_in(OpenAIChatCodec(), error), kind_in(AnthropicMessagesCodec(), error), "yes" if error.retryable else "no", told


def kind_in(codec: Codec, error: ErrorInfo) -> str:
    kind: str = orjson.loads(codec.encode_error(error))["error"]["type"]
    return kind


def test_the_table_is_true_of_every_error_class() -> None:
    """Status, types, retryable and x-should-retry of each class's code."""
    wrong: dict[str, Any] = {}
    for kind in classes():
        _, status, *cells = FAULTS[kind.code][:6]
        info = ErrorInfo(status=kind.status, message="m", code=kind.code, blame=kind.blame, retryable=kind.retryable)
        expected = ("-", "-", "no", "-") if kind.code in NEVER_SENT else described(info)
        if (int(status), *cells) != (kind.status, *expected):
            wrong[kind.code] = (status, cells, expected)
    assert wrong == {}


def test_the_types_of_every_row_follow_from_its_status() -> None:
    """Also of the codes that single places give."""
    wrong = {}
    for code, (_, status, openai, anthropic, retryable, told, *_rest) in FAULTS.items():
        if code not in NEVER_SENT | NOT_THE_CODECS:
            expected = described(ErrorInfo(status=int(status), message="m", code=code, retryable=retryable == "yes"))
            if (openai, anthropic, retryable, told) != expected:
                wrong[code] = expected
    assert wrong == {}


def test_the_table_is_true_of_providers_errors() -> None:
    """Decoded from an answer that says nothing but its status."""
    wrong = {}
    for status, openai, anthropic, code, retryable, told in (cells for cells in rows("The provider failed") if cells[0].isdigit()):
        info = OpenAIChatCodec().decode_error(int(status), b"{}", {})
        named = orjson.loads(OpenAIChatCodec().encode_error(info))["error"]["code"] or "null"
        if (openai, anthropic, retryable, told) != described(info) or code != named:
            wrong[status] = (described(info), named)
    assert wrong == {}


@pytest.mark.parametrize(
    "reason",
    ["bad_request", "head_too_large", "headers_timeout", "body_stall", "unsupported_transfer", "unsupported_version", "app_failure"],
)
def test_the_table_is_true_of_the_servers_own_refusals(reason: Reason) -> None:
    """Code, status and type."""
    head, _, body = refusal(reason).partition(b"\r\n\r\n")
    error = orjson.loads(body)["error"]
    status = re.match(rb"HTTP/1\.1 (\d+)", head)
    assert status is not None
    assert [error["code"], status[1].decode(), error["type"]] in [cells[:3] for cells in rows("Refused by the server itself")]


def test_an_instance_may_override_its_class() -> None:
    """Status, code and retryable, for the one place that knows better."""
    error = BadRequest("m", status=405, code="method_not_allowed", retryable=True, param="p", retry_after_s=1.5)
    assert error.info() == ErrorInfo(
        status=405, message="m", code="method_not_allowed", param="p", blame="client", retryable=True, retry_after_s=1.5
    )
    assert BadRequest("m").info().status == 400


def test_a_providers_error_is_passed_on_as_it_came() -> None:
    """`info` is the provider's own, with a code for the logs where it gave none."""
    info = ErrorInfo(status=418, message="teapot", blame="provider", request_id="req_1")
    error = ProviderRejected(info)
    assert (error.status, error.code, error.info()) == (418, "provider_error", info)


def test_the_message_is_the_exceptions_text() -> None:
    """Logs print it."""
    assert str(UpstreamTimeout("too slow")) == "too slow"
