"""Answers that the gateway keeps itself."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses import kept as codec
from proxy.codecs.openai_responses.kept import Kept, continued, input_page, pack, unpack, without_foreign

OUTPUT: list[dict[str, Any]] = [
    {"type": "reasoning", "id": "rs_edge_1", "summary": []},
    {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "hello", "annotations": []}]},
]
KEPT = Kept(input=[{"role": "user", "content": "one"}], response={"id": "resp_1", "output": OUTPUT})


@pytest.mark.parametrize(
    ("given", "items"),
    [
        ("text", [{"role": "user", "content": "text"}]),
        ([{"role": "user", "content": "x"}], [{"role": "user", "content": "x"}]),
        (None, []),
        (5, []),
    ],
)
def test_what_was_packed_comes_back(given: Any, items: list[Any]) -> None:
    """Input as items, the response object as it was."""
    assert unpack(pack(given, KEPT.response)) == Kept(input=items, response=KEPT.response)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"input": 1, "response": {}}', b"\xff"])
def test_what_nobody_packed_is_none(data: bytes) -> None:
    """Not an error: the answer is then as good as not kept."""
    assert unpack(data) is None


def test_a_follow_up_stands_alone() -> None:
    """Kept input, kept output, new input; nothing of the answer before is named any more, and no instructions are carried over."""
    kept = Kept(KEPT.input, {**KEPT.response, "instructions": "Be brief."})
    body = continued({"model": "m", "input": "two", "previous_response_id": "resp_1", "temperature": 0}, kept)
    assert body == {"model": "m", "temperature": 0, "input": [*KEPT.input, *OUTPUT, {"role": "user", "content": "two"}]}
    assert KEPT.input == [{"role": "user", "content": "one"}]


def test_a_follow_up_may_say_nothing_new() -> None:
    """As at OpenAI."""
    assert continued({"model": "m", "previous_response_id": "resp_1"}, Kept(KEPT.input, {}))["input"] == KEPT.input


@pytest.mark.parametrize("value", [5, {"role": "user"}, ["x"], [{"role": "user"}, None]])
def test_its_own_input_must_be_one(value: Any) -> None:
    """Checked before it is put after the kept one, so that paths in it are not yet moved."""
    with pytest.raises(InvalidBody) as caught:
        continued({"model": "m", "input": value}, KEPT)
    assert caught.value.path == "input"


def test_reasoning_of_another_provider_is_left_out() -> None:
    """OpenAI would refuse it; its own stays."""
    own = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"}
    sealed = [{"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": f"llm-edge:{kind}:x"} for kind in ("sig", "red")]
    assert without_foreign([own, OUTPUT[0], *sealed, OUTPUT[1]]) == [own, OUTPUT[1]]
    assert without_foreign("text") == "text"


def listed(**query: Any) -> list[str]:
    items = [{"role": "user", "content": str(n)} for n in range(5)]
    page = input_page(Kept(items, {}), "resp_1", **query)
    assert page["has_more"] is (len(page["data"]) < 5 and page["data"] != [])
    return [item["content"][0]["text"] for item in page["data"]]


def test_input_is_listed_newest_first() -> None:
    """Or in order, as far as the limit."""
    assert listed() == ["4", "3", "2", "1", "0"]
    assert listed(order="asc", limit=2) == ["0", "1"]


def test_pages_follow_one_another() -> None:
    """Each begins after an item of the one before."""
    items = [{"role": "user", "content": str(n)} for n in range(5)]
    kept = Kept(items, {})
    first = input_page(kept, "resp_1", limit=3)
    second = input_page(kept, "resp_1", limit=3, after=first["last_id"])
    assert (first["has_more"], second["has_more"], second["first_id"]) == (True, False, second["data"][0]["id"])
    assert [item["content"][0]["text"] for page in (first, second) for item in page["data"]] == ["4", "3", "2", "1", "0"]
    last = input_page(kept, "resp_1", after=second["last_id"])
    assert (last["data"], last["first_id"], last["last_id"], last["has_more"]) == ([], None, None, False)
    with pytest.raises(InvalidBody):
        input_page(kept, "resp_1", after="msg_none")


def test_listed_items_have_what_clients_expect() -> None:
    """An id, a type, a message's content as parts; what the client wrote itself stays."""
    items: list[dict[str, Any]] = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": [{"type": "input_text", "text": "c"}], "id": "msg_own", "status": "in_progress"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1", "id": None},
        {"type": "reasoning", "summary": []},
        {"type": "web_search_call", "status": "completed"},
    ]
    data = input_page(Kept(items, {}), "resp_1", order="asc")["data"]
    assert [item["id"].split("_")[0] for item in data] == ["msg", "msg", "msg", "fc", "fco", "rs", "item"]
    assert [item["type"] for item in data[:3]] == ["message"] * 3
    assert data[0]["content"] == [{"type": "input_text", "text": "a"}]
    assert data[1]["content"] == [{"type": "output_text", "text": "b", "annotations": []}]
    assert (data[2]["id"], data[2]["status"], data[3]["status"]) == ("msg_own", "in_progress", "completed")
    assert "status" not in data[5]
    assert codec.input_page(Kept(items, {}), "resp_1", order="asc")["data"] == data
