"""A process that asks for the first key of a store once a line comes in, and says whether it got it: `python … URL KEY_ID`."""

import asyncio
import sys

from proxy.storage.open import open_records
from proxy.storage.records import KeyRecord


async def main(url: str, key_id: str) -> None:
    records = open_records(url)
    await records.get("none")
    print("ready", flush=True)
    sys.stdin.readline()
    print(await records.create_first(KeyRecord(key_id=key_id, tenant="t", key_hash=key_id, created_at=0.0)), flush=True)
    await records.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
