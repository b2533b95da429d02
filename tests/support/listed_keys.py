"""Signed keys with a list of models, made in a running gateway's own store."""

from proxy.storage.issue import new_key, signing_secret
from tests.support.gateway import Running


async def key_for(edge: Running, *models: str, scopes: tuple[str, ...] = ()) -> dict[str, str]:
    """Headers of a key that may use these models alone."""
    records = edge.gateway.state.records
    key, record = new_key(await signing_secret(records, None), 0.0, models=models, scopes=scopes)
    await records.create(record)
    return {"authorization": f"Bearer {key}"}
