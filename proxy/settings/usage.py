"""`usage`: the ledger."""

from pydantic import Field

from proxy.settings.base import Count, Section


class UsageSettings(Section):
    enabled: bool = Field(True, description="Whether each request of a model route leaves a usage record in `stores.records`.")
    spool: str | None = Field(
        None,
        description="Folder in which records wait for the record store; null: `<file>.spool` beside an SQLite store, `llm-edge-spool` for "
        "others, none for records in memory.",
    )
    keep_days: Count | None = Field(400, description="How long records are kept; null: for ever. Budgets are rebuilt from them.")
