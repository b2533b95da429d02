"""Providers from their settings: the literal table of kinds."""

from collections.abc import Mapping

from proxy.core.clock import Clock
from proxy.providers.anthropic import Anthropic
from proxy.providers.base import Provider
from proxy.providers.bedrock import Bedrock, endpoint
from proxy.providers.echo import MODELS as ECHO_MODELS
from proxy.providers.echo import EchoTransport
from proxy.providers.gemini import Gemini
from proxy.providers.http import HttpProvider
from proxy.providers.key_pool import KeyPool
from proxy.providers.litellm_bridge import LitellmBridge, build_bridge
from proxy.providers.openai_compatible import AzureOpenAI, OpenAI, OpenAICompatible
from proxy.settings import ProviderSettings
from proxy.settings.aws import aws_environ, aws_region
from proxy.settings.providers import DialectName
from proxy.transport.aws_credentials import AwsCredentials, TransportFetch, bedrock_bearer_token
from proxy.transport.base import Transport
from proxy.transport.factory import make_transport
from proxy.transport.http1 import Http1Transport
from proxy.transport.signing import SigningTransport

KINDS: dict[str, type[HttpProvider]] = {
    "openai": OpenAI,
    "openai_compatible": OpenAICompatible,
    "azure": AzureOpenAI,
    "anthropic": Anthropic,
    "bedrock": Bedrock,
    "gemini": Gemini,
    "litellm": LitellmBridge,
    "echo": OpenAICompatible,
}


CODECS: dict[DialectName, str] = {
    "chat": "openai_chat",
    "completions": "openai_completions",
    "responses": "openai_responses",
    "embeddings": "openai_embeddings",
    "messages": "anthropic_messages",
    "converse": "bedrock_converse",
    "invoke": "bedrock_invoke",
    "generate_content": "gemini_generate",
    "embed_content": "gemini_embed",
}
"""The configuration's names of dialects → their codecs'."""


def build_providers(
    settings: Mapping[str, ProviderSettings], clock: Clock, environ: Mapping[str, str] | None = None
) -> dict[str, Provider]:
    """By name, in the order of the settings."""
    aws = aws_environ(environ)
    return {name: _build(name, s, clock, aws) for name, s in settings.items()}


def _build(name: str, s: ProviderSettings, clock: Clock, environ: Mapping[str, str]) -> Provider:
    if s.kind == "litellm":
        return build_bridge(name, s)
    echo = s.kind == "echo"
    transport: Transport = (
        EchoTransport(clock=clock)
        if echo
        else make_transport(
            s.transport,
            ca_file=str(s.ca_file) if s.ca_file is not None else None,
            proxy=s.proxy.get_secret_value() if s.proxy is not None else None,
            max_connections=s.max_connections,
            keepalive_s=s.idle_s,
        )
    )
    keys = [k.get_secret_value() for k in s.api_keys]
    base_url = "http://echo.invalid/v1" if echo else s.url
    if s.kind == "bedrock":
        region = s.region or aws_region(environ)
        base_url = base_url or endpoint(region)
        if not keys and (bearer := bedrock_bearer_token(environ)) is not None:
            keys = [bearer]
        if not keys:
            chain = AwsCredentials(environ, TransportFetch(Http1Transport()), region=region, clock=clock)
            transport = SigningTransport(transport, chain, region=region, service="bedrock", clock=clock)
    provider = KINDS[s.kind](
        name,
        base_url=base_url,
        keys=KeyPool(keys),
        transport=transport,
        extra_headers=tuple((k, v.get_secret_value()) for k, v in s.headers.items()),
        free=s.price == "free" or (echo and s.price is None),
        api_version=s.api_version,
        models=ECHO_MODELS if echo else (),
        dialects=("openai_chat", "openai_embeddings") if echo else [CODECS[name] for name in s.speaks],
    )
    return provider
