"""The passthrough lane's look at an embedding request."""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked
from proxy.codecs.openai_chat.fields import string
from proxy.codecs.openai_embeddings.request import decode_input


def check(body: dict[str, Any]) -> Asked:
    """Raises InvalidBody naming the field."""
    model = body.get("model")
    if model is None or model == "":
        raise InvalidBody("Model is required", "model")
    decode_input(body.get("input"))
    return Asked(string(model, "model"), False, False)
