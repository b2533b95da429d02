"""The canonical generation request."""

from proxy.core.request import ChatRequest


def test_a_path_is_the_clients_own() -> None:
    """Where its dialect spells a field otherwise; else the canonical name."""
    request = ChatRequest(dialect="anthropic_messages", model="m", messages=(), paths={"stop": "stop_sequences"})
    assert (request.path_of("stop"), request.path_of("temperature")) == ("stop_sequences", "temperature")
