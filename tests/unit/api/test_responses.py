"""`/v1/responses/{id}` and what is below it."""

import pytest

from tests.support.library import in_process


@pytest.mark.parametrize("prefix", ["", "/llm-gateway", "/api/llm-gateway"])
@pytest.mark.parametrize(("method", "below"), [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")])
async def test_an_unknown_answer_is_named_by_its_own_id(prefix: str, method: str, below: str) -> None:
    """Below every prefix, slashes in ids included; in OpenAI's shape."""
    async with in_process() as edge:
        for response_id in ("resp_1", "a/b"):
            answer = await edge.client.request(method, f"{prefix}/v1/responses/{response_id}{below}")
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (404, "response_not_found")
            assert error["message"] == f"Response with id '{response_id}' not found."


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/responses", "POST"),
        ("POST", "/v1/responses/resp_1", "DELETE, GET"),
        ("GET", "/v1/responses/resp_1/cancel", "POST"),
        ("DELETE", "/v1/responses/resp_1/input_items", "GET"),
    ],
)
async def test_other_methods_are_405(method: str, path: str, allowed: str) -> None:
    """With those that there are."""
    async with in_process() as edge:
        answer = await edge.client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_a_key_is_needed() -> None:
    """Like everywhere."""
    async with in_process() as edge:
        assert (await edge.client.get("/v1/responses/resp_1", headers={"authorization": "Bearer no"})).status_code == 401
