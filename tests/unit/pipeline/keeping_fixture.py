"""A gateway in this process whose provider keeps responses, or knows only chat."""

from typing import Any

from proxy.providers.key_pool import KeyPool
from proxy.providers.openai_compatible import OpenAICompatible
from proxy.storage.responses_memory import MemoryResponses
from proxy.transport.scripted import ScriptedTransport
from tests.support.gateway import ADMIN_KEY
from tests.support.library import InProcess

ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
ACCOUNTS = ["sk-account-one-1234567890", "sk-account-two-1234567890"]


def pool(transport: ScriptedTransport, *, keeps: bool = True, name: str = "mine", accounts: list[str] | None = None) -> OpenAICompatible:
    """With two accounts."""
    return OpenAICompatible(
        name,
        base_url="http://upstream.test/v1",
        keys=KeyPool(ACCOUNTS if accounts is None else accounts),
        transport=transport,
        dialects=("openai_chat", "openai_responses") if keeps else ("openai_chat",),
    )


def store_of(edge: InProcess) -> MemoryResponses:
    responses = edge.gateway.state.pipeline.responses
    assert isinstance(responses, MemoryResponses)
    return responses


def account_of(request: Any) -> str:
    """Which credential a call to the provider bore."""
    found: str = dict(request.headers)[b"authorization"].decode().removeprefix("Bearer ")
    return found
