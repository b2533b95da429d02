"""What of a client's body may reach the litellm package."""

from typing import Any

import pytest

from proxy.core.errors import BadRequest, ModelNotFound
from proxy.providers.litellm_request import CHAT, arguments, check_body, check_model, leave_out


def test_only_listed_names_stay() -> None:
    """What goes is named, unless it said nothing."""
    body: dict[str, Any] = {"model": "m", "messages": [], "api_base": "http://x", "metadata": {"a": 1}, "mock_response": None, "user": "u"}
    assert leave_out(body, "openai_chat") == ("api_base", "metadata")
    assert body == {"model": "m", "messages": [], "user": "u"}


def test_embeddings_have_a_list_of_their_own() -> None:
    """`messages` is no field of theirs."""
    body = {"model": "m", "input": "a", "messages": [], "dimensions": 3}
    assert leave_out(body, "openai_embeddings") == ("messages",)
    assert body == {"model": "m", "input": "a", "dimensions": 3}


@pytest.mark.parametrize(
    "name",
    ["api_key", "api_base", "base_url", "extra_headers", "extra_body", "metadata", "fallbacks", "mock_response", "custom_llm_provider"],
)
def test_no_switch_of_the_package_is_on_the_list(name: str) -> None:
    """Nor would it pass by another way."""
    assert name not in CHAT
    assert arguments({"messages": [], name: "x"}, "openai_chat") == {"messages": []}


def test_arguments_are_the_body_s_own() -> None:
    """Without the model, which gets its prefix, and without null."""
    assert arguments({"model": "m", "messages": [1], "seed": None, "top_p": 0}, "openai_chat") == {"messages": [1], "top_p": 0}


def test_the_encoding_of_vectors_is_not_asked_for() -> None:
    """They are packed here."""
    assert arguments({"model": "m", "input": "a", "encoding_format": "base64"}, "openai_embeddings") == {"input": "a"}


@pytest.mark.parametrize(
    "name", ["m", "llama-3.1-8b-instant", "meta-llama/Llama-3", "us.anthropic.claude-3-5:0", "m@2024", "openai/gpt-oss-120b", "@cf/meta/x"]
)
def test_names_of_models(name: str) -> None:
    """As providers have them."""
    if not name.startswith("@"):
        check_model(name)
    check_model(f"x/{name}")


@pytest.mark.parametrize(
    "name", ["", "/m", "m/", "a//b", "../m", "a/..", "a..b", "a b", "a?b", "a#b", "a%2f", "http://x/m", "ключ", "m" * 257]
)
def test_what_is_no_name(name: str) -> None:
    """404, before it stands in a URL's path."""
    with pytest.raises(ModelNotFound) as caught:
        check_model(name)
    assert (caught.value.status, caught.value.param) == (404, "model")
    assert len(caught.value.message) < 250


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"tools": [{"type": "function"}, {"type": "mcp", "server_url": "litellm_proxy"}]}, "tools[1].type"),
        ({"tools": ["x"]}, "tools[0].type"),
        ({"stream": True, "n": 2}, "n"),
    ],
)
def test_what_the_package_would_do_itself_or_get_wrong(body: dict[str, Any], path: str) -> None:
    """400 with the field's path."""
    with pytest.raises(BadRequest) as caught:
        check_body(body, "openai_chat")
    assert caught.value.param == path


@pytest.mark.parametrize(
    "body", [{}, {"tools": None}, {"tools": [{"type": "function"}, {"type": "custom"}]}, {"n": 2}, {"n": 1, "stream": True}, {"tools": {}}]
)
def test_what_is_fine(body: dict[str, Any]) -> None:
    """Or for the provider to refuse."""
    check_body(body, "openai_chat")


def test_only_two_encodings_of_vectors() -> None:
    """Others are the client's mistake, since nobody else sees the field."""
    check_body({"encoding_format": "base64"}, "openai_embeddings")
    with pytest.raises(BadRequest, match="encoding_format"):
        check_body({"encoding_format": "int8"}, "openai_embeddings")
