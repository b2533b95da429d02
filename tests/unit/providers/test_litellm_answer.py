"""The litellm package's objects as OpenAI's JSON and events."""

import json
from typing import Any

import pytest

from proxy.core.embeddings import unpack
from proxy.providers.litellm_answer import chat_answer, chat_event, embeddings_answer, request_id
from tests.support.fake_litellm import Dumped, chunk


def whole(**more: Any) -> Dumped:
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "t"}],
        "function_call": None,
        "provider_specific_fields": {"citations": [1]},
    }
    return Dumped({"id": "c", "choices": [{"index": 0, "message": message, "provider_specific_fields": {}}], "service_tier": None, **more})


def test_nulls_go_but_those_that_clients_look_for() -> None:
    """`content`, `finish_reason` and `logprobs` are there in every answer of OpenAI's."""
    body = json.loads(chat_answer(whole()))
    assert body == {
        "id": "c",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "t"}],
                    "provider_specific_fields": {"citations": [1]},
                },
                "finish_reason": None,
                "logprobs": None,
            }
        ],
    }


def test_usage_says_cache_writes_as_our_codec_reads_them() -> None:
    """Once, and without the package's own idea of the cost."""
    usage = {
        "prompt_tokens": 23,
        "completion_tokens": 3,
        "total_tokens": 26,
        "cache_creation_input_tokens": 7,
        "cache_read_input_tokens": 11,
        "cost": 0.1,
        "prompt_tokens_details": {
            "cached_tokens": 11,
            "cache_creation_tokens": 7,
            "cache_creation_token_details": {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 0},
        },
    }
    assert json.loads(chat_answer(whole(usage=usage)))["usage"] == {
        "prompt_tokens": 23,
        "completion_tokens": 3,
        "total_tokens": 26,
        "prompt_tokens_details": {"cached_tokens": 11, "cache_write_tokens": 7},
    }


def test_dearer_cache_writes_stay_visible() -> None:
    """They make the record incomplete, never cheaper."""
    details = {"cache_creation_tokens": 0, "cache_creation_token_details": {"ephemeral_1h_input_tokens": 5}}
    usage = json.loads(chat_answer(whole(usage={"prompt_tokens": 9, "prompt_tokens_details": details})))["usage"]
    assert usage["prompt_tokens_details"] == {"cache_creation_token_details": {"ephemeral_1h_input_tokens": 5}}


def test_an_event() -> None:
    """One chunk, one event; the finish reason is null until it comes."""
    event = chat_event(chunk("hi"))
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert json.loads(event[6:])["choices"] == [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]


@pytest.mark.parametrize("counted", [True, False])
def test_usage_of_an_event(counted: bool) -> None:
    """The provider's is shown, the package's guess is not."""
    event = json.loads(chat_event(chunk(usage={"prompt_tokens": 1, "cost": 2}), usage=counted)[6:])
    assert event.get("usage") == ({"prompt_tokens": 1} if counted else None)


def test_a_delta_without_specifics() -> None:
    """Empty ones are nothing to show."""
    body = {"choices": [{"index": 0, "delta": {"content": "a", "provider_specific_fields": {}}}, {"index": 1, "delta": None}]}
    assert json.loads(chat_event(Dumped(body))[6:])["choices"][0]["delta"] == {"content": "a"}


def test_empty_lists_of_the_package_s_own_go() -> None:
    """An answer without choices is still a list of them."""
    assert json.loads(chat_event(Dumped({"choices": [], "vertex_ai_safety_ratings": [], "x": [1]}))[6:]) == {"choices": [], "x": [1]}


def test_vectors() -> None:
    """As they came, or packed."""
    answer = Dumped(
        {"model": "m", "data": [{"embedding": [0.5, 1.0]}, {"embedding": "AAAAPw==", "index": 7}], "usage": {"prompt_tokens": 2}}
    )
    assert json.loads(embeddings_answer(answer, base64=False)) == {
        "model": "m",
        "object": "list",
        "data": [
            {"embedding": [0.5, 1.0], "object": "embedding", "index": 0},
            {"embedding": "AAAAPw==", "index": 7, "object": "embedding"},
        ],
        "usage": {"prompt_tokens": 2, "total_tokens": 0},
    }
    packed = json.loads(embeddings_answer(answer, base64=True))["data"]
    assert [unpack(item["embedding"]) for item in packed] == [(0.5, 1.0), (0.5,)]
    assert "usage" not in json.loads(embeddings_answer(Dumped({"data": None}), base64=True))


@pytest.mark.parametrize(
    ("hidden", "found"),
    [
        ({"additional_headers": {"llm_provider-x-request-id": "req_1"}}, "req_1"),
        ({"additional_headers": {"llm_provider-request-id": "req_2"}}, "req_2"),
        ({"additional_headers": {"llm_provider-x-request-id": "a\r\nb"}}, None),
        ({"additional_headers": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_provider_s_request_id(hidden: Any, found: str | None) -> None:
    """Where the package kept it, and if it is safe in a header."""
    assert request_id(Dumped({}, _hidden_params=hidden)) == found
