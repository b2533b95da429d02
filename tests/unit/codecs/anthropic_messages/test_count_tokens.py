"""`POST /v1/messages/count_tokens`."""

from typing import Any

import pytest

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.anthropic_messages.count_tokens import check, generation, own, wrapped
from proxy.codecs.base import InvalidBody

MESSAGES = [{"role": "user", "content": "hi"}]


def test_a_request_without_a_limit_is_decoded() -> None:
    """A limit counts for nothing, so the endpoint takes none."""
    body = {"model": "m", "messages": MESSAGES, "system": "S"}
    assert (check(body).model, check(body).stream) == ("m", False)
    whole, base = generation(body)
    assert (base, len(AnthropicMessagesCodec().decode_request(whole, {}).messages)) == ("", 2)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"messages": MESSAGES}, "model"),
        ({"model": "", "messages": MESSAGES}, "model"),
        ({"model": 5, "messages": MESSAGES}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": [{}]}, "messages[0].role"),
    ],
)
def test_what_is_missing_is_named(body: dict[str, Any], path: str) -> None:
    """Before any call."""
    with pytest.raises(InvalidBody) as caught:
        check(body)
    assert caught.value.path == path


def test_what_the_endpoint_refuses_stays_out() -> None:
    """Of a translated request; one of the same dialect is the provider's to judge."""
    body = {"model": "m", "max_tokens": 5, "temperature": 1, "stream": True, "messages": MESSAGES, "tools": [], "thinking": {}}
    assert wrapped(body) == {"model": "m", "messages": MESSAGES, "tools": [], "thinking": {}}
    assert own({"model": "m", "max_tokens": 5}, "n") == {"model": "n", "max_tokens": 5}
