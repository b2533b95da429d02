"""First start of an embedded record store: its signing secret and the first admin key."""

import os
import time
from pathlib import Path

from proxy.settings import Settings
from proxy.storage.issue import new_key, signing_secret
from proxy.storage.open import sqlite_path
from proxy.storage.records import KeyRecords

ADMIN_KEY_FILE = "admin-key"


async def bootstrap(records: KeyRecords, settings: Settings, tty: bool) -> str | None:
    """Prepare the store; the first admin key if it is to be shown now, else None. Raises Unavailable, OSError.

    With `tty` the key is returned for the terminal; without, it is written to `admin-key` (0600) beside the store. It must never be
    logged. No key is made when the store has one, when LLM_EDGE_ADMIN_KEY is set, when authentication is off, when the store is not
    embedded, or when nobody could get to see it (in memory, no terminal). Several processes may start at once: one makes the key.
    """
    if not settings.stores.embedded_records:
        return None
    configured = settings.auth.signing_secret
    secret = await signing_secret(records, configured.get_secret_value() if configured is not None else None)
    file = admin_key_file(settings)
    if not settings.auth.enabled or settings.auth.admin_key is not None or not (tty or file):
        return None
    if await records.list(limit=1):
        return None
    key, record = new_key(secret, time.time(), role="admin", name="first admin key")
    if tty or file is None:
        return key if await records.create_first(record) else None
    draft = _write_private(file, key)
    try:
        if await records.create_first(record):
            draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return None


def admin_key_file(settings: Settings) -> Path | None:
    """Where the first admin key goes without a terminal; None for a store without a file."""
    path = sqlite_path(settings.stores.records_url)
    return path.parent / ADMIN_KEY_FILE if path is not None else None


def _write_private(file: Path, text: str) -> Path:
    """A draft beside the file, complete on disk before the record exists: no record without a key that somebody can read."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text + "\n")
        stream.flush()
        os.fsync(descriptor)
    return draft
