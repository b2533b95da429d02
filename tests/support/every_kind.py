"""A configuration with a provider of each kind, all at one scripted upstream; and clients of each SDK for the gateway in front."""

from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from google import genai

from proxy.settings import Settings
from tests.support.gateway import KEY, settings

MODELS = {
    "openai": "gpt-up",
    "compatible": "local-up",
    "anthropic": "claude-up",
    "bedrock": "eu.anthropic.claude-up-v1:0",
    "gemini": "gemini-up",
    "echo": "echo-up",
}
"""Name for clients, which is the provider's → its model's name there."""


def every_kind(url: str, **more: Any) -> Settings:
    """One try each. `url`: the upstream's."""
    providers = {
        "openai": {"kind": "openai", "base_url": f"{url}/v1", "api_keys": ["sk-o-1234567890"]},
        "compatible": {"kind": "openai_compatible", "base_url": f"{url}/v1", "api_keys": ["sk-c-1234567890"]},
        "anthropic": {"kind": "anthropic", "base_url": url, "api_keys": ["sk-a-1234567890"]},
        "bedrock": {"kind": "bedrock", "base_url": url, "region": "eu-central-1", "api_keys": ["sk-b-1234567890"]},
        "gemini": {"kind": "gemini", "base_url": url, "api_keys": ["sk-g-1234567890"]},
        "echo": {"kind": "echo"},
    }
    models = {name: {"targets": [{"provider": name, "model": model}]} for name, model in MODELS.items()}
    return settings(
        **{"providers": providers, "models": models, "routing": {"retries": {"attempts": 1}, "breaker": {"enabled": False}}, **more}
    )


def google(url: str, version: str = "v1beta") -> genai.Client:
    options = genai.types.HttpOptions(base_url=url, api_version=version, retry_options=genai.types.HttpRetryOptions(attempts=1))
    return genai.Client(api_key=KEY, http_options=options)


def aws(url: str) -> Any:
    """boto3 with the gateway's key put in by an event hook."""
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=config)
    client.meta.events.register("before-send.bedrock-runtime.*", _with_key)
    return client


def _with_key(request: Any, **_: Any) -> None:
    request.headers["Authorization"] = f"Bearer {KEY}"
