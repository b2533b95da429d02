"""Several credentials of one provider.

The member is sticky by conversation, so that the provider's own prompt cache keeps working; a member that was refused (401, 402,
403) or throttled (429) rests for a while and the next in its conversation's own order takes over (rendezvous hashing: when a
member rests, only its conversations move).
"""

import hashlib
from typing import Any

from proxy.core.cooldown import Cooldowns

REFUSED_REST_S = 60.0
"""How long a member rests after 401, 402 or 403: a rotated key should come back without a restart."""


class Credential:
    """One key; its repr never shows it."""

    __slots__ = ("index", "secret")

    def __init__(self, index: int, secret: str) -> None:
        self.index = index
        self.secret = secret

    def __repr__(self) -> str:
        return f"Credential(index={self.index})"

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the account behind it wherever it stands in a pool, and give nothing of it away; "" without a secret."""
        if not self.secret:
            return ""
        return hashlib.blake2b(self.secret.encode("utf-8", "surrogateescape"), digest_size=8, person=b"llm-edge-account").hexdigest()


class KeyPool:
    def __init__(self, secrets: list[str]) -> None:
        """An empty list stands for an upstream without credentials."""
        self.members = tuple(Credential(i, s) for i, s in enumerate(secrets)) or (Credential(0, ""),)
        self._resting = Cooldowns()

    def choose(self, conversation: bytes, now: float) -> Credential:
        """The member for a conversation; when all rest, the one that is free first."""
        members = self.members
        if len(members) == 1:
            return members[0]
        ranked = sorted(members, key=lambda m: hashlib.blake2b(conversation, salt=m.index.to_bytes(8, "big"), digest_size=8).digest())
        for member in ranked:
            if not self._resting.until(str(member.index), now):
                return member
        return min(ranked, key=lambda m: self._resting.until(str(m.index), now))

    def of_account(self, fingerprint: str) -> Credential | None:
        return next((member for member in self.members if member.fingerprint == fingerprint), None)

    def rest(self, member: Credential, until: float) -> None:
        self._resting.extend(str(member.index), until)

    def has_free(self, now: float) -> bool:
        return any(not self._resting.until(str(m.index), now) for m in self.members)


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
