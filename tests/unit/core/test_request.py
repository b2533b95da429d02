"""The canonical generation request."""

from proxy.core.request import ChatRequest


def test_a_path_is_the_clients_own() -> None:
    """Where its dialect spells a field otherwise; else the canonical name."""
    request = ChatRequest(dialect="anthropic_messages", model="m", messages=(), paths={"stop": "stop_sequences"})
    assert (request.path_of("stop"), request.path_of("temperature")) == ("stop_sequences", "temperature")


def test_lost_paths_are_the_clients_own() -> None:
    """By the longest beginning that has a place, each once; a longer index is another place."""
    places = {"m[0].content[1]": "c[0].parts[2]", "m[0].content[1].input": "c[0].parts[2].args"}
    request = ChatRequest(dialect="d", model="m", messages=(), places=places)
    dropped = ["m[0].content[1]", "m[0].content[1].input", "m[0].content[1][0].x", "m[0].content[11]", "seed", "m[0].content[1]"]
    assert request.client_paths(dropped) == (
        "c[0].parts[2]",
        "c[0].parts[2].args",
        "c[0].parts[2][0].x",
        "m[0].content[11]",
        "seed",
    )
    assert ChatRequest(dialect="d", model="m", messages=()).client_paths(["a", "b", "a"]) == ("a", "b")
