"""What kind of failure an error is, and what follows from it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.gemini_generate import GeminiGenerateCodec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.errors import (
    BadGateway,
    BadRequest,
    ConnectionFailed,
    EdgeError,
    ErrorInfo,
    ProviderRejected,
    StreamTruncated,
    Unavailable,
    UpstreamFault,
    UpstreamTimeout,
)
from proxy.routing.failures import TABLE, FailureClass, classify, outcome_of, same_target_may_help, table
from proxy.settings import Settings
from tests.support.provider_errors import SAMPLES, Sample
from tests.support.shared_corpus import corpus

CODECS: dict[str, Codec] = {
    "openai": OpenAIChatCodec(),
    "anthropic": AnthropicMessagesCodec(),
    "bedrock": BedrockConverseCodec(),
    "gemini": GeminiGenerateCodec(),
}
ROOT = Path(__file__).parents[3]


def rejected(status: int, **more: Any) -> ProviderRejected:
    return ProviderRejected(ErrorInfo(status=status, message=more.pop("message", "no"), blame="provider", **more))


@pytest.mark.parametrize(
    ("error", "name", "outcome"),
    [
        (BadRequest("x"), "invalid_request", "client"),
        (Unavailable("x"), "gateway", "cancelled"),
        (BadGateway("x"), "malformed", "failed"),
        (ConnectionFailed("x"), "connection", "failed"),
        (UpstreamTimeout("x"), "timeout", "failed"),
        (StreamTruncated("x"), "truncated", "failed"),
        (UpstreamFault("x"), "server_error", "failed"),
        (rejected(400), "invalid_request", "client"),
        (rejected(401), "auth", "refused"),
        (rejected(402), "quota", "refused"),
        (rejected(403), "permission", "refused"),
        (rejected(404), "not_found", "refused"),
        (rejected(408), "timeout", "failed"),
        (rejected(413), "context_length", "client"),
        (rejected(418), "invalid_request", "client"),
        (rejected(418, retryable=True), "overloaded", "throttled"),
        (rejected(422), "invalid_request", "client"),
        (rejected(424), "invalid_request", "client"),
        (rejected(424, retryable=True), "server_error", "failed"),
        (rejected(429), "rate_limited", "throttled"),
        (rejected(500), "server_error", "failed"),
        (rejected(501), "not_found", "refused"),
        (rejected(502), "server_error", "failed"),
        (rejected(503), "overloaded", "failed"),
        (rejected(503, retry_after_s=2.0), "overloaded", "throttled"),
        (rejected(504), "timeout", "failed"),
        (rejected(529), "overloaded", "throttled"),
        (rejected(599), "server_error", "failed"),
    ],
)
def test_errors_have_a_class_and_an_outcome(error: EdgeError, name: str, outcome: str) -> None:
    """By their kind; a provider's own, where nothing else says more, by status."""
    assert (classify(error), outcome_of(error)) == (name, outcome)


def test_no_error_is_a_success() -> None:
    """For the target's health."""
    assert outcome_of(None) == "ok"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.kind}-{sample.status}-{sample.body[:40]!r}")
def test_what_providers_say_is_understood(sample: Sample) -> None:
    """Their words, as their codec reads them."""
    info = CODECS[sample.kind].decode_error(sample.status, sample.body, sample.headers)
    assert classify(ProviderRejected(info)) == sample.name


RECORDED: tuple[tuple[str, FailureClass], ...] = (
    ("invalid x-api-key", "auth"),
    ("Incorrect API key provided", "auth"),
    ("API key not valid", "auth"),
    ("security token included in the request is invalid", "auth"),
    ("not_found_error", "not_found"),
    ("model_not_found", "not_found"),
    ("model identifier is invalid", "not_found"),
    ("is not found for API version", "not_found"),
    ("exceeds the context window", "context_length"),
    ("exceeded your current quota", "rate_limited"),
    ("Resource exhausted", "rate_limited"),
)
"""What stands in recorded error answers; all others are mistakes in the request."""


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [
        ("openai_chat", "openai"),
        ("openai_responses", "openai"),
        ("openai_embeddings", "openai"),
        ("anthropic_messages", "anthropic"),
        ("bedrock_converse", "bedrock"),
        ("bedrock_converse_stream", "bedrock"),
        ("gemini", "gemini"),
    ],
)
def test_recorded_error_answers_are_understood(protocol: str, kind: str) -> None:
    """Of the providers themselves."""
    seen = 0
    for exchange in corpus(protocol):
        response = exchange["response"]
        if response["status"] < 400:
            continue
        seen += 1
        text = response["body_text"]
        headers = {name.lower(): value for name, value in response["headers"].items()}
        info = CODECS[kind].decode_error(response["status"], text.encode(), headers)
        expected = next((name for words, name in RECORDED if words in text), "invalid_request")
        assert classify(ProviderRejected(info)) == expected, exchange["id"]
    assert seen >= 2


def test_a_quoted_prompt_far_behind_decides_nothing() -> None:
    """Only the beginning of a message is looked at."""
    assert classify(rejected(400, message="messages.0 is wrong: " + "x" * 2000 + " prompt is too long")) == "invalid_request"


@pytest.mark.parametrize(
    ("error", "helps"),
    [
        (ConnectionFailed("x"), True),
        (Unavailable("x"), False),
        (rejected(429, retryable=True), True),
        (rejected(503), False),
        (rejected(401), False),
    ],
)
def test_whether_the_same_target_may_help(error: EdgeError, helps: bool) -> None:
    """As its class says, unless the provider says not to retry."""
    assert same_target_may_help(error, classify(error)) is helps


@pytest.mark.parametrize(("status", "message", "helps"), [(401, "bad key", True), (403, "blocked by our content filters", False)])
def test_another_key_helps_where_it_is_about_the_key(status: int, message: str, helps: bool) -> None:
    """And not where it is about the content."""
    error = rejected(status, message=message)
    error.another_key = True
    assert same_target_may_help(error, classify(error)) is helps


def test_lists_of_their_own_belong_to_the_requests_faults() -> None:
    """Whatever has one counts against no target, and nobody else is tried."""
    for name, row in TABLE.items():
        if row.fallbacks is not None:
            assert (row.same, row.other, row.outcome) == (False, False, "client"), name


def test_the_document_shows_the_table() -> None:
    """docs/failures.md, written by scripts/failures."""
    assert table() in (ROOT / "docs/failures.md").read_text()


def test_the_documents_examples_are_configurations() -> None:
    """That load as they stand there."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/failures.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        settings = Settings.of(**{"providers": {"echo": {"kind": "echo"}}, **yaml.safe_load(block)})
        assert settings.routing.retry_budget.share == 0.2
