"""What is particular to a request of Bedrock's InvokeModel, where the model decides what body and answer look like."""

from typing import Any

from proxy.codecs.base import Codec
from proxy.codecs.bedrock_invoke import BedrockInvokeCodec
from proxy.codecs.bedrock_invoke.check import betas_of
from proxy.codecs.bedrock_invoke.family import DIALECT, family_of
from proxy.codecs.bedrock_invoke.headers import lost_of, shaping_of
from proxy.core.context import RequestContext


def codec_for(codec: Codec, body: dict[str, Any]) -> Codec:
    """The client's codec, made for the family that model and body show. `body` has passed its check."""
    return codec.answering(family_of(body["model"], body)) if isinstance(codec, BedrockInvokeCodec) else codec


def fits(codec: Codec, model: str) -> bool:
    """Whether a target that speaks the dialect takes this client's body untranslated."""
    return not isinstance(codec, BedrockInvokeCodec) or codec.fits(model)


def kind_in_key(ctx: RequestContext, family: str | None = None) -> str:
    """The dialect as the cache's key has it: with the headers that change an answer. A stream of a family that is not known cannot be made
    from its whole answer, nor the reverse, so each has its own."""
    kind = DIALECT if family is not None else f"{DIALECT} {'stream' if ctx.route.stream else 'whole'}"
    shaping = shaping_of(ctx.headers)
    return f"{kind}\n{shaping}" if shaping else kind


def move_betas(ctx: RequestContext, body: dict[str, Any]) -> None:
    """`anthropic_beta` goes to the header as well, where a provider of Anthropic's own dialect looks for it."""
    betas = betas_of(body) if "anthropic_beta" in body else []
    if betas:
        own = [ctx.headers[b"anthropic-beta"]] if b"anthropic-beta" in ctx.headers else []
        ctx.headers[b"anthropic-beta"] = b",".join([*own, *(beta.encode() for beta in betas)])


def lost_headers(ctx: RequestContext) -> list[str]:
    """Settings in headers that a translation leaves behind."""
    return lost_of(ctx.headers)
