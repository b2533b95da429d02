"""What `llm-edge db upgrade` does to a shared record store."""

from collections.abc import Iterator

import msgspec

from proxy.storage.open import back_end, needs_extra


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    before: str
    """What was there: a schema's version; "" where that is no number."""
    missing: tuple[str, ...] = ()
    """What was missing, and has been made unless it was only looked at."""
    notes: tuple[str, ...] = ()
    """What could not be set, and what follows from it."""

    def lines(self, store: str, *, check: bool) -> Iterator[str]:
        """For people."""
        if not self.missing:
            yield f"{store}: up to date"
        for thing in self.missing:
            yield f"{store}: {'needs' if check else 'made'} {thing}"
        for note in self.notes:
            yield f"note: {note}"


async def upgrade(url: str, *, check: bool = False) -> Upgrade:
    """`check`: nothing is changed. Raises Unavailable."""
    if back_end(url) == "postgres":
        with needs_extra("postgres"):
            from proxy.storage.postgres_schema import upgrade_postgres
        before, after = await upgrade_postgres(url, check=check)
        return Upgrade(before=str(before), missing=tuple(f"schema {version}" for version in range(before + 1, after + 1)))
    with needs_extra("dynamodb"):
        from proxy.storage.dynamodb_schema import upgrade_dynamodb
    missing, notes = await upgrade_dynamodb(url, check=check)
    return Upgrade(before="", missing=tuple(f"table {name}" for name in missing), notes=tuple(notes))
