"""What is particular to a request of InvokeModel."""

from typing import Any

import pytest

from proxy.codecs.bedrock_invoke import BedrockInvokeCodec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.context import RequestContext
from proxy.core.route import RouteInfo
from proxy.pipeline.asked_invoke import codec_for, fits, kind_in_key, lost_headers, move_betas

CODEC = BedrockInvokeCodec()
CHAT = OpenAIChatCodec()


def context(**headers: bytes) -> RequestContext:
    ctx = RequestContext(RouteInfo(name="/model/{model}/invoke", family="bedrock"), "t", 0.0)
    ctx.headers = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return ctx


@pytest.mark.parametrize(
    ("body", "family"),
    [
        ({"model": "smart", "messages": [], "max_tokens": 1}, "claude"),
        ({"model": "smart", "inputText": "x"}, "titan"),
        ({"model": "meta.llama3-8b-instruct-v1:0"}, "llama"),
        ({"model": "mistral.x"}, None),
    ],
)
def test_the_codec_is_of_the_clients_family(body: dict[str, Any], family: str | None) -> None:
    """By model and body."""
    codec = codec_for(CODEC, body)
    assert isinstance(codec, BedrockInvokeCodec)
    assert codec.family == family


def test_other_codecs_have_no_family() -> None:
    """They stay, and fit every model."""
    assert codec_for(CHAT, {"model": "m"}) is CHAT
    assert fits(CHAT, "anthropic.claude-x")
    assert not fits(CODEC, "amazon.titan-text-lite-v1")


def test_headers_that_shape_an_answer_stand_in_the_caches_key() -> None:
    """Two guardrails, two answers."""
    keys = {kind_in_key(context(**headers), "claude") for headers in ({}, {"x_amzn_bedrock_trace": b"ENABLED"}, {"accept": b"x"})}
    assert keys == {"bedrock_invoke", "bedrock_invoke\nx-amzn-bedrock-trace:ENABLED"}
    assert lost_headers(context(x_amzn_bedrock_trace=b"ENABLED")) == ["x-amzn-bedrock-trace"]


@pytest.mark.parametrize(
    ("betas", "header", "result"),
    [(["a", "b"], None, b"a,b"), (["a"], b"own", b"own,a"), ([], b"own", b"own"), (None, None, None), ([], None, None)],
)
def test_betas_go_to_the_header(betas: list[str] | None, header: bytes | None, result: bytes | None) -> None:
    """Behind the client's own."""
    ctx = context() if header is None else context(anthropic_beta=header)
    move_betas(ctx, {} if betas is None else {"anthropic_beta": betas})
    assert ctx.headers.get(b"anthropic-beta") == result
