"""Several credentials of one provider.

The member is sticky by conversation, so that the provider's own prompt cache keeps working; while it rests, the next in its
conversation's own order takes over (rendezvous hashing: when a member rests, only its conversations move).

Who rests is the book's to know (`HealthBook.key_rests`). How far a refusal reaches:

    401, 402, and 429 for want of money     the account: the key rests for all models of the provider
    403, 429                                the key and this model: what is refused is its permission or its rate limit, and providers have
                                            both by model (OpenAI, Anthropic, Gemini, Groq, Azure by deployment, Bedrock)
    a quota nearly used up                  the same
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from proxy.core.cooldown import Cooldowns

Rests = Sequence[Cooldowns]
"""By fingerprint, until when; a member that stands in any of them rests."""


class Credential:
    """One key; its repr never shows it."""

    __slots__ = ("_fingerprint", "index", "secret")

    def __init__(self, index: int, secret: str) -> None:
        self.index = index
        self.secret = secret
        self._fingerprint: str | None = None

    def __repr__(self) -> str:
        return f"Credential(index={self.index})"

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the account behind it wherever it stands in a pool, and give nothing of it away; "" without a secret."""
        if self._fingerprint is None:
            digest = hashlib.blake2b(self.secret.encode("utf-8", "surrogateescape"), digest_size=8, person=b"llm-edge-account")
            self._fingerprint = digest.hexdigest() if self.secret else ""
        return self._fingerprint


class KeyPool:
    def __init__(self, secrets: list[str]) -> None:
        """An empty list stands for an upstream without credentials."""
        self.members = tuple(Credential(i, s) for i, s in enumerate(secrets)) or (Credential(0, ""),)

    def choose(self, conversation: bytes, now: float, rests: Rests = ()) -> Credential:
        """The member for a conversation; when all rest, the one that is free first."""
        if len(self.members) == 1:
            return self.members[0]
        ranked = self._ranked(conversation)
        if not rests:
            return ranked[0]
        return min(ranked, key=lambda m: _until(m, now, rests))  # the first of equals

    def usable(self, conversation: bytes, now: float, rests: Rests = ()) -> list[Credential]:
        """Those that a conversation may have, the best first: the members that do not rest; when all rest, all."""
        ranked = self._ranked(conversation)
        if not rests:
            return ranked
        until = {m.index: _until(m, now, rests) for m in ranked}
        ranked.sort(key=lambda m: until[m.index])
        return [m for m in ranked if not until[m.index]] or ranked

    def _ranked(self, conversation: bytes) -> list[Credential]:
        """The conversation's own order."""
        return sorted(self.members, key=lambda m: hashlib.blake2b(conversation, salt=m.index.to_bytes(8, "big"), digest_size=8).digest())

    def of_account(self, fingerprint: str) -> Credential | None:
        return next((member for member in self.members if member.fingerprint == fingerprint), None)

    def free_at(self, now: float, rests: Rests) -> float:
        """When the first member is free; 0.0: one is."""
        return min(_until(m, now, rests) for m in self.members)


def _until(member: Credential, now: float, rests: Rests) -> float:
    return max((rest.until(member.fingerprint, now) for rest in rests), default=0.0)


def conversation_of(body: dict[str, Any]) -> bytes:
    """What stays the same over the turns of a conversation: the system prompt and the first user message, as they came."""
    head: list[Any] = [body.get("system")]
    messages = body.get("messages")
    if isinstance(messages, list):
        for message in messages[:8]:
            head.append(message)
            if isinstance(message, dict) and message.get("role") == "user":
                break
    return hashlib.sha256(repr(head).encode("utf-8", "surrogatepass")).digest()
