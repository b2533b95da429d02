"""Contract M for InvokeModel: the provider's status and Retry-After, AWS's name in `x-amzn-ErrorType`, the message in the body."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import running, settings
from tests.support.upstream import Upstream, failing, json_answer

CLAUDE = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5}
NAMES = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


def both(up: Upstream) -> Any:
    """`gpt` at an OpenAI upstream, `bedrock` at one of Bedrock's, one try each."""
    return settings(
        providers={
            "openai": {"kind": "openai", "base_url": f"{up.url}/v1", "api_keys": ["sk-x-1234567890"]},
            "bedrock": {"kind": "bedrock", "base_url": up.url, "api_keys": ["bedrock-api-key-1234567890"]},
        },
        models={
            "gpt": {"targets": [{"provider": "openai"}]},
            "bedrock": {"targets": [{"provider": "bedrock", "model": "anthropic.claude-x"}]},
        },
        routing={"retries": {"attempts": 1}},
    )


@pytest.mark.parametrize("operation", ["invoke", "invoke-with-response-stream"])
@pytest.mark.parametrize("status", list(NAMES))
@pytest.mark.parametrize("model", ["gpt", "bedrock"])
async def test_a_providers_error_keeps_its_status(upstream: Upstream, model: str, status: int, operation: str) -> None:
    """Passed on and translated, whole and before a stream."""
    retry = {"retry-after": "7"}
    if model == "gpt":
        upstream.on(failing(status, "told you so", retry))
    else:
        upstream.on(json_answer({"message": "told you so"}, status, retry | {"x-amzn-errortype": f"{NAMES[status]}:http://internal"}))
    async with running(both(upstream)) as edge:
        answer = await edge.client.post(f"/model/{model}/{operation}", json=CLAUDE)
    assert (answer.status_code, answer.json()["message"]) == (status, "told you so")
    assert (answer.headers["x-amzn-errortype"], answer.headers["retry-after"]) == (NAMES[status], "7")
    assert answer.headers["x-llm-edge-error-source"] == "provider"


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"{}", b'{"results": 5}', b'{"type": "message"}', b'{"generation": 1}'])
async def test_an_answer_that_is_none_is_502(upstream: Upstream, body: bytes) -> None:
    """The provider's fault, in AWS's words; an object of a form that nobody here reads passes, unless it must be translated."""
    upstream.on(json_answer(body))
    async with running(both(upstream)) as edge:
        passed = await edge.client.post("/model/bedrock/invoke", json=CLAUDE)
        translated = await edge.client.post("/model/gpt/invoke", json=CLAUDE)
    assert (translated.status_code, translated.headers["x-amzn-errortype"]) == (502, "InternalServerException")
    if body == b"{}":
        assert passed.content == body
    else:
        assert (passed.status_code, passed.headers["x-llm-edge-error-source"]) == (502, "provider")
        assert "Traceback" not in passed.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**CLAUDE, "max_tokens": 0}, "max_tokens"),
        ({**CLAUDE, "temperature": 2}, "temperature"),
        ({**CLAUDE, "messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"inputText": "x", "textGenerationConfig": {"topP": 3}}, "textGenerationConfig.topP"),
        ({"prompt": "x", "temperature": "hot"}, "temperature"),
    ],
)
async def test_wrong_fields_are_named(upstream: Upstream, body: Any, field: str) -> None:
    """Before any call."""
    async with running(both(upstream)) as edge:
        answer = await edge.client.post("/model/gpt/invoke", json=body)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert field in answer.json()["message"]
    assert not upstream.calls
