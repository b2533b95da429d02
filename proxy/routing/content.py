"""`content`: what the request is about, or needs, decides. The first rule whose conditions all hold puts its targets first.

Keywords are whole words or phrases, whatever their case and the space between their words: `sql` is found in "the SQL, please", not in
"mysql". What no rule is about goes the configured way, by priority.
"""

import re
from collections.abc import Sequence
from random import Random

from proxy.core.needs import NEEDS
from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.ordered import Ordered
from proxy.routing.rules import ContentRule
from proxy.routing.slow_start import eased
from proxy.routing.strategy import Strategy
from proxy.routing.target import Decision


class ByContent:
    def __init__(self, rules: Sequence[ContentRule] = ()) -> None:
        self._rules = [_Rule(number, rule) for number, rule in enumerate(rules, 1)]
        self._otherwise = Ordered()

    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        for rule in self._rules:
            why = rule.holds(facts)
            if why is not None:
                ranked = sorted(candidates, key=rule.rank)
                order, eased_off = eased(ranked, now, rng)
                return Decision(order, f"rule {rule.number}: {why}" + eased_off)
        decision = self._otherwise.choose(candidates, facts, now, rng)
        return Decision(decision.order, f"no rule holds, {decision.reason}")


class _Rule:
    """One rule made ready."""

    def __init__(self, number: int, rule: ContentRule) -> None:
        self.number = number
        self._rule = rule
        self._needs = sum(NEEDS[name] for name in set(rule.needs))
        self._tags = frozenset(tag.lower() for tag in rule.tags)
        self._rank = {target: place for place, target in enumerate(rule.targets)}
        self._keywords = words_pattern(rule.keywords) if rule.keywords else None

    def rank(self, candidate: Candidate) -> tuple[int, int]:
        place = self._rank.get(candidate.id)
        return self._rank.get(candidate.provider, len(self._rank)) if place is None else place, candidate.target.priority

    def holds(self, facts: RequestFacts) -> str | None:
        """Why; None: it does not."""
        rule = self._rule
        over, under = rule.prompt_tokens_over, rule.prompt_tokens_under
        if (over is not None and facts.prompt_tokens <= over) or (under is not None and facts.prompt_tokens >= under):
            return None
        if self._needs & ~facts.needs or not self._tags <= facts.tags:
            return None
        if any(pair not in facts.headers for pair in rule.headers):
            return None
        found = self._keywords.search(facts.text) if self._keywords is not None else None
        if self._keywords is not None and found is None:
            return None
        return ", ".join(self._reasons(facts, found)) or "it holds for all"

    def _reasons(self, facts: RequestFacts, found: re.Match[str] | None) -> list[str]:
        rule = self._rule
        reasons = [f"keyword {found[0]!r}"] if found is not None else []
        if rule.prompt_tokens_over is not None or rule.prompt_tokens_under is not None:
            reasons.append(f"about {facts.prompt_tokens} tokens")
        reasons += [f"needs {name}" for name in rule.needs]
        reasons += [f"tag {tag}" for tag in rule.tags]
        return reasons + [f"header {name}" for name, _ in rule.headers]


def words_pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Any of them, in lower-case text, with no letter or digit right before or behind."""
    phrases = [r"\s+".join(re.escape(part) for part in word.lower().split()) for word in words if word.strip()]
    return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(phrases, key=len, reverse=True))})(?!\w)")


_: type[Strategy] = ByContent
