"""The passthrough lane's look at an InvokeModel request. `model` and `stream` are the URL's, put at the top of the body."""

import re
from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke.family import family_of
from proxy.codecs.check import Asked, check_messages
from proxy.codecs.openai_chat.fields import array, optional, record, required, string

_BETA = re.compile(r"[A-Za-z0-9._-]+")


def check(body: dict[str, Any]) -> Asked:
    """Raises InvalidBody naming the field. Another vendor's body is the provider's to judge."""
    model = required(body, "model", string, "")
    if not model:
        raise InvalidBody("model: must not be empty", "model")
    family = family_of(model, body)
    if family == "claude":
        betas_of(body)
        return Asked(check_messages(body).model, body.get("stream") is True, False)
    if family in ("titan", "titan_embed"):
        required(body, "inputText", string, "")
        optional(body, "textGenerationConfig", record, "")
    elif family == "llama":
        required(body, "prompt", string, "")
    return Asked(model, body.get("stream") is True, False)


def betas_of(body: dict[str, Any]) -> list[str]:
    """`anthropic_beta`, which is a header in the Messages API: only what may stand in one. Raises InvalidBody naming the member."""
    betas = optional(body, "anthropic_beta", array, "") or []
    for i, beta in enumerate(betas):
        path = f"anthropic_beta[{i}]"
        if not _BETA.fullmatch(string(beta, path)):
            raise InvalidBody(f"{path} is not the name of a beta", path)
    return betas
