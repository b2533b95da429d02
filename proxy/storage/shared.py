"""What the record stores that several machines share have in common: their failures, as the gateway reports them."""

from proxy.core.errors import Unavailable

RETRY_AFTER_S = 1.0
UPGRADE = "run `llm-edge db upgrade`"


class SchemaOutdated(Unavailable):
    """The store answers, and its tables are those of an earlier release, or none: waiting doesn't help."""

    code = "schema_outdated"


def lost(reason: object) -> Unavailable:
    """One line, whatever the driver makes of it."""
    text = " ".join(str(reason).split()) or type(reason).__name__
    return Unavailable(f"the record store is not available: {text}", retry_after_s=RETRY_AFTER_S)


def closed() -> Unavailable:
    return Unavailable("the record store is closed")


def outdated(found: str, needed: str) -> SchemaOutdated:
    return SchemaOutdated(f"the record store has {found}, this release needs {needed}: {UPGRADE}", retry_after_s=RETRY_AFTER_S)
