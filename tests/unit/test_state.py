"""A configuration that was prepared and is not wanted leaves nothing open."""

from proxy.settings import Settings
from tests.support.gateway import running, settings


async def test_what_was_made_for_it_is_closed() -> None:
    """Providers of the configuration in force go on."""
    async with running(settings(providers={"echo": {"kind": "echo"}})) as edge:
        other: Settings = settings(providers={"echo": {"kind": "echo"}, "more": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}})
        prepared = await edge.gateway.prepare(other)
        assert [provider.name for provider in prepared.made] == ["more"]
        await prepared.abandon()
        assert (await edge.chat()).status_code == 200
