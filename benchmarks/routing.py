"""What a choice of targets costs in CPU: every strategy over many candidates, the filters, and the look at a request. No server is started.

The best of several rounds counts: on a shared machine the others measure the neighbours.
"""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from time import process_time
from typing import NamedTuple

import orjson

from proxy.codecs.needs import needs_of, output_cap, prompt_tokens, user_text
from proxy.core.needs import VISION
from proxy.routing.candidate import Candidate, ModelFacts, RequestFacts
from proxy.routing.filters import sift
from proxy.routing.rules import ContentRule, RouteRules
from proxy.routing.stats import TargetStats
from proxy.routing.strategies import STRATEGIES
from proxy.routing.target import Target

LIMIT_US = 50.0
"""What a `choose` may cost over 100 candidates."""
NOW = 5.0
TEXT = "please write a query that joins the two tables and says why it is slow " * 4


class Cost(NamedTuple):
    name: str
    us: float
    limited: bool


def candidates(count: int, rng: Random) -> tuple[Candidate, ...]:
    """All of them measured, priced, weighted and at work."""
    found = []
    for i in range(count):
        stats = TargetStats(f"provider-{i}/model")
        for at in (1.0, 2.0, 3.0):
            stats.first_token.observe(at, 0.1 + rng.random())
            stats.whole.observe(at, 1.0 + rng.random())
            stats.counted(at, success=rng.random() > 0.1)
        stats.tokens_per_s, stats.in_flight = 50 + rng.random(), i % 3
        facts = ModelFacts(
            input_pico_usd=rng.randrange(10**7), output_pico_usd=rng.randrange(10**8), context_tokens=100_000, cannot=VISION if i % 2 else 0
        )
        target = Target(f"provider-{i}", "model", weight=1 + i % 5, priority=i % 4, quality=rng.random())
        found.append(Candidate(target, facts, stats))
    return tuple(found)


def measure(count: int = 100, *, rounds: int = 15, calls: int = 200) -> Iterator[Cost]:
    rng = Random(1)
    given = candidates(count, rng)
    content = (ContentRule(targets=("provider-5/model",), keywords=("sql", "stack trace")), ContentRule(targets=("provider-7/model",)))
    rules = RouteRules(sticky="user", quality_floor=0.2, content=content)
    facts = RequestFacts(prompt_tokens=500, output_tokens=200, stream=True, text=TEXT, turn=7, sticky="user-1")
    for name, kind in STRATEGIES.items():
        choose = kind.make("entry", rules).choose
        yield Cost(name, _best(partial(choose, given, facts, NOW, rng), rounds, calls), True)
    drawn, whole = STRATEGIES["weighted"].make("entry", rules), RequestFacts(prompt_tokens=500, output_tokens=200)
    yield Cost("weighted, drawn", _best(lambda: drawn.choose(given, whole, NOW, rng), rounds, calls), True)
    needing = RequestFacts(prompt_tokens=500, needs=VISION)
    yield Cost("filters, nobody goes", _best(lambda: sift(given, facts, NOW), rounds, calls), False)
    yield Cost("filters, half of them go", _best(lambda: sift(given, needing, NOW), rounds, calls), False)
    body = {"model": "m", "messages": [{"role": "user", "content": TEXT}] * 10, "max_tokens": 100}
    size = len(orjson.dumps(body))
    yield Cost("look at a request: needs, size, cap", _best(lambda: _look(body, size), rounds, calls), False)
    yield Cost("look at a request: words", _best(lambda: user_text(body), rounds, calls), False)


def _look(body: dict[str, object], size: int) -> int:
    return prompt_tokens(body, size, needs_of(body)) + output_cap(body)


def _best(run: Callable[[], object], rounds: int, calls: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = process_time()
        for _ in range(calls):
            run()
        best = min(best, (process_time() - began) / calls)
    return best * 1e6


def routing(count: int, say: Callable[[str], None]) -> int:
    """1: a strategy costs more than it may."""
    say(f"microseconds of CPU with {count} candidates, best of 15 rounds")
    over = 0
    for cost in measure(count):
        late = cost.limited and cost.us > LIMIT_US
        over += late
        say(f"{cost.name:<36} {cost.us:>7.1f}{f'  over {LIMIT_US:g}' if late else ''}")
    return 1 if over else 0
