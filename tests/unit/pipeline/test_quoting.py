"""What budgets are told of targets."""

from proxy.core.pricing import Price, Tariff
from proxy.pipeline.charge import Charges
from proxy.pipeline.quoting import Quotes
from proxy.providers.catalog import Catalog, load_catalog
from proxy.providers.registry import build_providers
from proxy.routing.rules import RouteRules
from proxy.routing.table import ModelEntry, RouteTable
from proxy.routing.target import Target
from proxy.settings import Settings
from tests.support.clock import FakeClock

KINDS = {"o": "openai", "a": "anthropic", "e": "echo"}


def quotes(*entries: ModelEntry, instead: Tariff | None = None) -> Quotes:
    settings = Settings.of(
        providers={
            "o": {"kind": "openai", "api_keys": ["sk-1234567890"]},
            "a": {"kind": "anthropic", "api_keys": ["sk-1234567890"]},
            "e": {"kind": "echo"},
        }
    )
    charges = Charges(Catalog(load_catalog(litellm=False).files.values()), KINDS, instead=instead)
    return Quotes(RouteTable(entries, KINDS), charges, build_providers(settings.providers, FakeClock()))


def entry(name: str, *targets: tuple[str, str], fallbacks: tuple[str, ...] = ()) -> ModelEntry:
    return ModelEntry(name=name, targets=tuple(Target(*target) for target in targets), rules=RouteRules(fallbacks=fallbacks))


def test_what_the_catalogue_knows_of_a_target() -> None:
    """Its prices and limits; free ones are free, others have none."""
    found = quotes()
    known = found.of("o", "gpt-4o")
    assert known.tariff is not None
    assert (known.context_tokens, known.max_output_tokens, known.written_unasked, known.free) == (128_000, 16_384, True, False)
    assert not found.of("a", "claude-sonnet-4-5").written_unasked
    assert found.of("a", "claude-sonnet-4-5").image_tokens == 1600
    assert found.of("e", "x").free
    assert found.of("o", "nobody-knows-it").tariff is None
    assert found.of("o", "gpt-4o") is known
    assert known.usual == known.tariff.ceiling(1, 0.0)
    assert found.of("e", "x").usual is None


def test_a_stated_price_stands_in() -> None:
    """For models without one."""
    instead = Tariff((Price(meter="input", pico_usd=1), Price(meter="output", pico_usd=2)))
    assert quotes(instead=instead).of("o", "nobody-knows-it").tariff is instead


def test_all_that_may_answer_for_a_name() -> None:
    """With the entries that it falls back to, and they; circles end, and names that mean nothing are passed over."""
    found = quotes(
        entry("m", ("o", "gpt-4o"), fallbacks=("n", "gone")), entry("n", ("a", "claude-sonnet-4-5"), ("e", ""), fallbacks=("m",))
    )
    assert list(found.targets("m")) == [("m", "o", "gpt-4o"), ("n", "a", "claude-sonnet-4-5"), ("n", "e", "n")]
    assert found.targets("m") is found.targets("m")
    assert list(found.targets("nobody")) == []
