"""A stream that goes on with another target: the edges. The wire is in tests/contract/test_contract_b_continued_streams.py."""

from pathlib import Path
from typing import Any

import yaml

from proxy.core.errors import ErrorInfo, ProviderRejected, StreamTruncated
from proxy.pipeline.asked import Asked
from proxy.pipeline.continuation import KEPT_BYTES, Story, may_help
from proxy.routing.configured import rules_of
from tests.support.broken_streams import begun, streaming, whole
from tests.support.gateway import chat_body, settings
from tests.support.library import data_of
from tests.support.two_targets import two_targets
from tests.support.upstream import chat, json_answer


async def test_whole_answers_are_as_ever() -> None:
    """The setting is about streams."""
    async with two_targets(continue_streams=True) as pair:
        pair.a.on(json_answer(chat("one")))
        assert (await pair.chat()).json()["choices"][0]["message"]["content"] == "one"


async def test_a_whole_stream_is_cached_as_ever() -> None:
    """A stream that does not break is any stream."""
    async with two_targets(continue_streams=True) as pair:
        pair.a.on(streaming("chat", whole("chat", "one")))
        first, second = await pair.chat(stream=True), await pair.chat(stream=True)
        assert (first.headers["x-llm-edge-cache"], second.headers["x-llm-edge-cache"]) == ("miss", "hit")
        assert "x_llm_edge" not in first.text


async def test_a_body_that_only_its_own_dialect_understands_does_not_go_on() -> None:
    """It was passed through; there is no other target that could be asked."""
    async with two_targets(("openai", "anthropic"), continue_streams=True) as pair:
        pair.a.on(streaming("chat", begun("chat", "ab"), end="truncated"))
        odd = [{"role": "user", "content": [{"type": "novel"}]}, {"role": "assistant", "content": 7}]
        answer = await pair.edge.client.post("/v1/chat/completions", json={**chat_body(model="m", stream=True), "messages": odd})
        assert (data_of(answer.text)[-1]["error"]["code"], len(pair.b.calls)) == ("stream_truncated", 0)


async def test_a_target_that_cannot_carry_a_strict_request_is_passed_over() -> None:
    """The stream goes on with who is left, here where it began; breaks there too, it ends with the error of its break, since the status is
    out."""
    async with two_targets(("openai", "anthropic"), continue_streams=True) as pair:
        pair.a.on(streaming("chat", begun("chat", "ab"), end="truncated"))
        headers = {"x-llm-edge-strict": "true"}
        answer = await pair.edge.client.post("/v1/chat/completions", json=chat_body(model="m", stream=True, seed=1), headers=headers)
        assert (data_of(answer.text)[-1]["error"]["code"], len(pair.b.calls)) == ("stream_truncated", 0)
        (line,) = await pair.lines()
        assert [(one["provider"], one["sent"]) for one in line["tries"]] == [("a", True), ("b", False), ("a", True)]


async def test_legacy_completions_do_not_go_on() -> None:
    """They have no conversation to show."""
    async with two_targets(continue_streams=True) as pair:
        choices = b'[{"index":0,"text":"ab","finish_reason":null}]'
        event = b'data: {"id":"c","object":"text_completion","created":1,"model":"x","choices":' + choices + b"}\n\n"
        pair.a.on(streaming("chat", event, end="truncated"))
        pair.b.on(streaming("chat", event, end="truncated"))
        answer = await pair.edge.client.post("/v1/completions", json={"model": "m", "prompt": "hi", "stream": True})
        assert "stream_truncated" in answer.text
        assert len(pair.b.calls) == 0


def test_a_stream_that_is_too_long_is_not_kept() -> None:
    """Memory is bounded."""
    story = Story()
    story.show(b"x" * KEPT_BYTES)
    story.show(b"y")
    asked: Any = object.__new__(Asked)
    assert story.text(asked) is None


def test_the_documents_example_is_read() -> None:
    """docs/hedging.md."""
    text = Path(__file__).parents[3].joinpath("docs", "hedging.md").read_text("utf-8")
    models = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])["models"]
    provider = {"kind": "openai", "api_keys": ["sk-1"]}
    config = settings(providers={"openai": provider, "azure-eu": provider}, models=models)
    rules = rules_of(config, config.models["smart"])
    assert rules.continue_streams
    assert rules.hedge is not None
    short = settings(providers={"openai": provider, "azure-eu": provider}, models={"smart": {**models["smart"], "hedge": True}})
    assert rules_of(short, short.models["smart"]).hedge == rules.hedge


def test_errors_of_a_break() -> None:
    """The call's end, or what a retry may help."""

    def rejected(retryable: bool) -> ProviderRejected:
        return ProviderRejected(ErrorInfo(status=500, message="x", retryable=retryable))

    assert [may_help(exc) for exc in (StreamTruncated("x"), rejected(True), rejected(False))] == [True, True, False]
