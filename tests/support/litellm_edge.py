"""A gateway whose providers go through the litellm package, to scripted upstreams on real sockets."""

import json
from pathlib import Path
from typing import Any

from proxy.settings import Settings
from tests.support.gateway import settings
from tests.support.require import require
from tests.support.serving import ROOT
from tests.support.upstream import Handler, chat, json_answer, stream_answer

WIRE = ROOT / "tests" / "wire" / "anthropic_messages"
OPENAI_KEY = "sk-openai-canary-1234567890"
GROQ_KEY = "gsk-groq-canary-1234567890"
CLAUDE_KEY = "sk-ant-canary-1234567890"
CLAUDE = "claude-haiku-4-5"


def require_litellm() -> Any:
    return require("litellm", "the long tail of providers: pip install 'llm-edge[litellm]'")


def bridged(url: str, *, attempts: int = 1, **more: Any) -> Settings:
    """Providers `oai` (OpenAI's dialect by OpenAI's SDK), `groq` (by the package's own client) and `claude` (translated by it)."""
    providers = {
        "oai": {"kind": "litellm", "model_prefix": "openai/", "base_url": f"{url}/v1", "api_keys": [OPENAI_KEY]},
        "groq": {"kind": "litellm", "model_prefix": "groq/", "base_url": f"{url}/v1", "api_keys": [GROQ_KEY]},
        "claude": {"kind": "litellm", "model_prefix": "anthropic/", "base_url": url, "api_keys": [CLAUDE_KEY]},
    }
    for name, own in more.pop("own", {}).items():
        providers[name].update(own)
    return settings(**{"providers": providers, "routing": {"retries": {"attempts": attempts}}, "cache": {"enabled": False}, **more})


MODELS = ("oai/gpt-4o-mini", "groq/llama-3.1-8b-instant", f"claude/{CLAUDE}")
ANTHROPIC = f"claude/{CLAUDE}"


def whole_answer(model: str) -> Handler:
    """That the model's provider would give."""
    if model == ANTHROPIC:
        return json_answer(json.loads((WIRE / "message_text.json").read_text()))
    return json_answer(chat("hello", service_tier="on_demand"))


def anthropic_events(name: str = "stream_text.sse") -> list[bytes]:
    return [event + b"\n\n" for event in Path(WIRE / name).read_bytes().split(b"\n\n") if event.strip()]


def anthropic_stream() -> Handler:
    return stream_answer(anthropic_events())
