"""From a model's name to its route."""

from typing import Any

import pytest

from proxy.core.errors import BadRequest, ModelNotFound
from proxy.routing.candidate import Candidate, ModelFacts
from proxy.routing.round_robin import RoundRobin
from proxy.routing.strategies import NEEDS, TOKENS, TURN
from proxy.routing.table import MAX_NAME_CHARS, ModelEntry, RouteTable
from proxy.routing.target import Target
from tests.support.routing import candidate

PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "local": "openai_compatible"}


def table(*names: str) -> RouteTable:
    return RouteTable([ModelEntry(name=n, targets=(Target("local", "" if "*" in n else n),)) for n in names], PROVIDERS)


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("gpt-4o", "openai"),
        ("my-gpt", "openai"),
        ("o3-mini", "openai"),
        ("claude-sonnet-4", "anthropic"),
        ("anthropic.claude-v2:0", "anthropic"),
    ],
)
def test_without_a_table_the_name_says_which_provider(name: str, provider: str) -> None:
    """E's rule: gpt/openai → OpenAI, claude/anthropic → Anthropic."""
    assert table().resolve(name).targets == (candidate(provider, name),)


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("anthropic.claude-3-haiku-20240307-v1:0", "aws"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws"),
        ("us-gov.amazon.nova-pro-v1:0", "aws"),
        ("openai.gpt-oss-120b-1:0", "aws"),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-text-express-v1", "aws"),
        ("aws/anything", "aws"),
        ("claude-sonnet-4.5", "anthropic"),
        ("gpt-4.1", "openai"),
        ("meta-llama", "openai"),
    ],
)
def test_bedrocks_ids_go_to_bedrock(name: str, provider: str) -> None:
    """Where it is configured, whoever made the model; else the words in them decide."""
    both = RouteTable([], {**PROVIDERS, "aws": "bedrock"})
    assert both.resolve(name).targets[0].provider == provider


def test_an_unknown_name_goes_to_the_first_provider_with_a_warning() -> None:
    """Without a table nothing is refused, but the guess is said."""
    route = table().resolve("mistral-large")
    assert route.targets[0].provider == "openai"
    assert route.warning is not None


def test_with_a_table_an_unlisted_name_is_unknown() -> None:
    """404 with the nearest names."""
    with pytest.raises(ModelNotFound, match="smart-model"):
        table("smart-model", "fast").resolve("smart-modle")


def test_a_pattern_serves_the_name_that_was_asked_for() -> None:
    """`gpt-*` matches, the longest literal wins, and the target gets the asked name."""
    t = table("gpt-*", "*", "gpt-4*")
    assert t.resolve("gpt-4o").name == "gpt-4*"
    assert t.resolve("gpt-3.5").targets == (candidate("local", "gpt-3.5"),)
    assert t.resolve("anything").name == "*"


def test_a_slash_is_an_exact_entry_first_then_a_provider() -> None:
    """`provider/model`, unless the whole name is listed."""
    assert table("openai/gpt-4o").resolve("openai/gpt-4o").name == "openai/gpt-4o"
    assert table("smart").resolve("openai/gpt-4o").targets == (candidate("openai", "gpt-4o"),)
    assert table().resolve("meta-llama/Llama-3").targets[0].model == "meta-llama/Llama-3"


def test_a_url_is_no_model() -> None:
    """Clients cannot name an upstream."""
    with pytest.raises(BadRequest):
        table().resolve("http://127.0.0.1/v1")


def test_a_name_has_a_greatest_length() -> None:
    """Also where any would do."""
    for known in (table("*"), table()):
        assert known.resolve("m" * MAX_NAME_CHARS).targets
        with pytest.raises(BadRequest, match="2048") as caught:
            known.resolve("m" * (MAX_NAME_CHARS + 1))
        assert caught.value.param == "model"


def test_a_changed_entry_changes_the_digest() -> None:
    """The cache key follows the route entry (contract J)."""
    one = RouteTable([ModelEntry(name="m", targets=(Target("openai", "x"),))], PROVIDERS).resolve("m")
    two = RouteTable([ModelEntry(name="m", targets=(Target("openai", "y"),))], PROVIDERS).resolve("m")
    assert one.digest != two.digest


def test_the_memory_of_names_is_bounded() -> None:
    """Names are the client's: remembering them must not grow without end."""
    t = table("*")
    for i in range(10_000):
        t.resolve(f"m{i}")
    assert len(t._seen) <= 4096


def test_no_provider_at_all() -> None:
    """Nothing is configured: unknown, not a crash."""
    with pytest.raises(ModelNotFound):
        RouteTable([], {}).resolve("x")


SPLIT = ModelEntry(name="m", strategy="weighted", targets=(Target("openai", "x", 9), Target("anthropic", "y", 1)))


def weights(t: RouteTable, name: str = "m") -> list[float]:
    return [c.target.weight for c in t.resolve(name).targets]


def test_weights_are_laid_over_and_taken_back() -> None:
    """Names resolved before follow; a route that a request has does not change; what the cache's key is made of stays."""
    t = RouteTable([SPLIT], PROVIDERS)
    before = t.resolve("m")
    t.reweigh({"m": {"anthropic/y": 5.0, "gone/z": 3.0}, "other": {"openai/x": 1.0}})
    assert weights(t) == [9, 5.0]
    assert [c.target.weight for c in before.targets] == [9, 1]
    assert t.resolve("m").digest == before.digest
    seen = t.resolve("m")
    t.reweigh({"m": {"anthropic/y": 5.0, "gone/z": 3.0}, "other": {"openai/x": 1.0}})
    assert t.resolve("m") is seen
    t.reweigh({})
    assert weights(t) == [9, 1]


def test_weights_that_would_leave_nothing_count_for_nothing() -> None:
    """The file lost the target that had all of the traffic."""
    t = RouteTable([SPLIT], PROVIDERS)
    t.reweigh({"m": {"openai/x": 0.0, "anthropic/y": 0.0, "gone/z": 1.0}})
    assert weights(t) == [9, 1]


def test_weights_of_targets_that_serve_names_as_asked() -> None:
    """By `provider/*`, for every name that the pattern fits."""
    entry = ModelEntry(name="gpt-*", strategy="weighted", targets=(Target("openai", "", 9), Target("anthropic", "", 1)))
    t = RouteTable([entry, SPLIT], PROVIDERS)
    t.reweigh({"gpt-*": {"openai/*": 2.0}})
    assert weights(t, "gpt-4") == weights(t, "gpt-5") == [2.0, 1]
    assert [entry.name for entry in t.entries()] == ["m", "gpt-*"]


def two_ways(strategy: str = "cost", **facts: Any) -> RouteTable:
    targets = (Target("openai", "a"), Target("local", "b"))
    entries = [ModelEntry(name="smart", strategy=strategy, targets=targets), ModelEntry(name="gpt-*", strategy=strategy, targets=targets)]
    return RouteTable(entries, PROVIDERS, candidate=lambda target: Candidate(target, ModelFacts(**facts)))


def test_a_strategy_is_made_once_for_each_entry() -> None:
    """A pattern's names share it; entries don't."""
    t = two_ways("weighted")
    assert t.resolve("gpt-4o").chooser is t.resolve("gpt-4.1").chooser
    assert t.resolve("gpt-4o").chooser is not t.resolve("smart").chooser


def test_filters_want_to_know_what_they_need() -> None:
    """The size, where a window is known; the needs, where something cannot be done; else only what the strategy looks at."""
    assert two_ways("model").resolve("smart").wants == 0
    assert two_ways("model", context_tokens=9).resolve("smart").wants == TOKENS
    assert two_ways("model", cannot=1).resolve("smart").wants == NEEDS
    assert two_ways("cost").resolve("smart").wants == TOKENS


def test_another_strategy_is_another_route() -> None:
    """By any of its names, with another digest; one that there is not is refused with the nearest."""
    t = two_ways("model", cannot=1)
    route = t.resolve("smart")
    other = t.by_strategy(route, "Round-Robin")
    assert (other.strategy, other.wants) == ("round_robin", TURN | NEEDS)
    assert isinstance(other.chooser, RoundRobin)
    assert other.digest != route.digest
    with pytest.raises(BadRequest, match=r"no strategy 'latncy': known are model, failover.*Nearest: latency") as refused:
        t.by_strategy(route, "latncy")
    assert refused.value.code == "unknown_strategy"
    with pytest.raises(BadRequest, match=r"content\.$"):
        t.by_strategy(route, "zzz")
