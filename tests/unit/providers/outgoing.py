"""A call that is ready but for its credential."""

from typing import Any

from proxy.providers.base import Outgoing
from proxy.transport.base import Timeouts


def outgoing(**more: Any) -> Outgoing:
    values: dict[str, Any] = {
        "model": "m",
        "dialect": "openai_chat",
        "body": b"{}",
        "stream": False,
        "headers": {},
        "query": b"",
        "timeouts": Timeouts(),
        "max_response_bytes": 1000,
    }
    return Outgoing(**{**values, **more})
