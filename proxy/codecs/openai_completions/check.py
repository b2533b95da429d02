"""The passthrough lane's look at a completions request."""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked
from proxy.codecs.openai_chat.fields import boolean, integer, number, optional, record, string
from proxy.codecs.openai_completions.request import check_prompt


def check(body: dict[str, Any]) -> Asked:
    """Raises InvalidBody naming the field."""
    model = body.get("model")
    if model is None or model == "":
        raise InvalidBody("Model is required", "model")
    check_prompt(body.get("prompt"))
    optional(body, "temperature", number(0, 2), "")
    optional(body, "n", integer(1), "")
    optional(body, "max_tokens", integer(0), "")
    stream = optional(body, "stream", boolean, "") is True
    options = optional(body, "stream_options", record, "") or {}
    return Asked(string(model, "model"), stream, optional(options, "include_usage", boolean, "stream_options") is True)
