"""Lists of models in each API's shape."""

from typing import Any

import pytest

from proxy.api.model_lists import SHAPES, Listed
from proxy.core.errors import BadRequest
from proxy.providers.catalog import Facts

MODELS = [Listed(f"m{n}", "p", Facts()) for n in range(5)]
MANY = [Listed(f"m{n}", "p", Facts()) for n in range(1200)]


def ids(page: dict[str, Any]) -> list[str]:
    return [model.get("id") or model["name"] for model in page.get("data", page.get("models", []))]


@pytest.mark.parametrize(
    ("query", "found", "more"),
    [
        (b"", "01234", False),
        (b"limit=2", "01", True),
        (b"limit=5", "01234", False),
        (b"after_id=m1", "234", False),
        (b"limit=2&after_id=m1", "23", True),
        (b"after_id=m4", "", False),
        (b"before_id=m3", "012", False),
        (b"limit=2&before_id=m3", "12", True),
        (b"before_id=m0", "", False),
        (b"limit=99999999999999999999", "01234", False),
    ],
)
def test_anthropics_pages(query: bytes, found: str, more: bool) -> None:
    """Both ways; the ends are named, or null where there is nothing."""
    page = SHAPES["anthropic"].page(MODELS, query)
    assert (ids(page), page["has_more"]) == ([f"m{n}" for n in found], more)
    assert (page["first_id"], page["last_id"]) == ((f"m{found[0]}", f"m{found[-1]}") if found else (None, None))


def test_a_page_has_an_end() -> None:
    """20 or 50 where nobody asks, 1000 at most."""
    anthropic, gemini = SHAPES["anthropic"].page, SHAPES["gemini"].page
    assert (len(ids(anthropic(MANY, b""))), len(ids(anthropic(MANY, b"limit=5000")))) == (20, 1000)
    assert [len(ids(gemini(MANY, query))) for query in (b"", b"pageSize=0", b"pageSize=5000")] == [50, 50, 1000]
    assert len(ids(SHAPES["openai"].page(MANY, b"limit=1"))) == 1200


def test_googles_pages_follow_each_other() -> None:
    """By a token, in either spelling, until there is none."""
    token, seen = "", []
    for _ in range(3):
        page = SHAPES["gemini"].page(MODELS, f"page_size=2&pageToken={token}".encode())
        seen += ids(page)
        token = page.get("nextPageToken", "")
    assert (seen, token) == ([f"models/m{n}" for n in range(5)], "")


@pytest.mark.parametrize("token", ["%FF", "_w", "bTk", "x"])
def test_a_token_of_nobodys_is_refused(token: str) -> None:
    """Not UTF-8, not base64, not a name that is there."""
    with pytest.raises(BadRequest) as caught:
        SHAPES["gemini"].page(MODELS, f"pageToken={token}".encode())
    assert caught.value.param == "pageToken"


def test_what_is_known_of_a_model_is_told() -> None:
    """And nothing where nothing is known."""
    known = Listed("m", "p", Facts(context_tokens=10, max_output_tokens=5))
    google = SHAPES["gemini"].one(known)
    assert (google["inputTokenLimit"], google["outputTokenLimit"]) == (10, 5)
    assert not {"inputTokenLimit", "outputTokenLimit"} & set(SHAPES["gemini"].one(MODELS[0]))
    assert (SHAPES["anthropic"].one(known)["max_input_tokens"], SHAPES["anthropic"].one(MODELS[0])["max_tokens"]) == (10, None)
