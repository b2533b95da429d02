"""A configuration that was prepared and is not wanted leaves nothing open."""

from typing import Any, cast

import msgspec

from proxy.providers.base import Provider
from tests.support.gateway import running, settings


class Closing:
    """A provider's end, counted."""

    def __init__(self) -> None:
        self.closed = 0

    async def aclose(self) -> None:
        self.closed += 1


async def test_what_was_made_for_it_is_closed() -> None:
    """Providers of the configuration in force go on."""
    echo: dict[str, Any] = {"echo": {"kind": "echo"}}
    async with running(settings(providers=echo)) as edge:
        more = {"more": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}}
        prepared = await edge.gateway.prepare(settings(providers=echo | more))
        assert [provider.name for provider in prepared.made] == ["more"]
        other = Closing()
        await msgspec.structs.replace(prepared, made=[*prepared.made, cast(Provider, other)]).abandon()
        assert other.closed == 1
        assert (await edge.chat()).status_code == 200
