"""The passthrough lane's look at an InvokeModel request. `model` and `stream` are the URL's, put at the top of the body."""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke.family import family_of
from proxy.codecs.check import Asked, check_messages
from proxy.codecs.openai_chat.fields import optional, record, required, string


def check(body: dict[str, Any]) -> Asked:
    """Raises InvalidBody naming the field. Another vendor's body is the provider's to judge."""
    model = required(body, "model", string, "")
    if not model:
        raise InvalidBody("model: must not be empty", "model")
    family = family_of(model, body)
    if family == "claude":
        return Asked(check_messages(body).model, body.get("stream") is True, False)
    if family in ("titan", "titan_embed"):
        required(body, "inputText", string, "")
        optional(body, "textGenerationConfig", record, "")
    elif family == "llama":
        required(body, "prompt", string, "")
    return Asked(model, body.get("stream") is True, False)
