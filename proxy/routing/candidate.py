"""What a strategy sees of a target: what is configured, what is known of its model, and how it has been doing."""

import msgspec

from proxy.routing.gate import Gate
from proxy.routing.stats import TargetStats
from proxy.routing.target import Target


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Of the catalogue and the settings; None: not known."""

    input_pico_usd: int | None = None
    """A token."""
    output_pico_usd: int | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    can: int = 0
    """Bits of `core.needs`: known to be able to."""
    cannot: int = 0
    """Bits: known not to be able to. What is in neither is not known, and nobody is turned away for it."""


class Candidate:
    """Made once for each target of each entry. Strategies read it and change nothing; `stats` is shared by all entries with the target."""

    __slots__ = ("facts", "gate", "id", "labels", "model", "provider", "stats", "target")

    def __init__(self, target: Target, facts: ModelFacts | None = None, stats: TargetStats | None = None, gate: Gate | None = None) -> None:
        self.target = target
        self.provider = target.provider
        self.model = target.model
        self.id = target.id
        self.labels = frozenset({*(tag.lower() for tag in target.tags), *((f"region={target.region.lower()}",) if target.region else ())})
        """What `x-llm-edge-tags` may ask for."""
        self.facts = facts or ModelFacts()
        self.stats = stats or TargetStats()
        self.gate = gate
        """None: its calls are not bounded."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Candidate) and other.target == self.target

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"Candidate({self.id!r})"


class RequestFacts(msgspec.Struct, kw_only=True):
    """What is known of a request when a target is chosen."""

    prompt_tokens: int = 0
    """Estimated."""
    output_tokens: int = 0
    """The client's cap, else an estimate."""
    output_cap: int = 0
    """The client's cap; 0: it set none."""
    needs: int = 0
    """Bits."""
    stream: bool = False
    sticky: str = ""
    """Who keeps their target under `weighted`; "": nobody, each request is drawn anew."""
    tags: frozenset[str] = frozenset()
    turn: int = 0
    """How many requests of this entry came before, for `round_robin`."""
    text: str = ""
    """Lower case; only where a rule looks for keywords."""
    headers: tuple[tuple[str, str], ...] = ()
    """Those that a rule asks for; for a strategy of one's own all but credentials."""
