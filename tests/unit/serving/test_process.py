"""One application on one loop: reload and failures."""

import asyncio
import ssl
from pathlib import Path

import pytest

from proxy.admin.reload import ReloadRefused
from proxy.serving.options import Launch, ServeOptions
from proxy.serving.process import Served
from proxy.serving.sockets import bind
from tests.unit.serving.test_runtime import runtime


def served(config: Path) -> Served:
    options = ServeOptions(drain_delay_s=0.0, grace_s=0.5)
    return Served(Launch(options=options, app="tests.support.served_app:open_app", config=str(config)), runtime())


def in_force(what: Served) -> str:
    return str(vars(what.app)["version"])


async def test_a_bad_configuration_changes_nothing(tmp_path: Path) -> None:
    """The reason is in the error."""
    config = tmp_path / "c"
    config.write_text("one")
    what = served(config)
    config.write_text("bad")
    with pytest.raises(ReloadRefused, match="bad"):
        await what.reload()
    assert in_force(what) == "one"


async def test_a_good_one_is_taken(tmp_path: Path) -> None:
    """And what was planned is told."""
    config = tmp_path / "c"
    config.write_text("one")
    what = served(config)
    config.write_text("two")
    plan, processes = await what.reload()
    assert (plan.version, plan.previous, processes) == ("two", "one", 1)
    assert in_force(what) == "two"


async def test_a_certificate_that_cannot_be_read_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The configuration is taken all the same."""
    config = tmp_path / "c"
    config.write_text("one")
    what = served(config)

    class Broken:
        def load_cert_chain(self, *_: object) -> None:
            raise ssl.SSLError("broken")

    what.server.config.load()
    what.server.config.ssl = Broken()  # type: ignore[assignment]
    what.server._options = ServeOptions(tls_cert=str(tmp_path / "none.pem"))
    await what.prepare()
    await what.commit()
    assert "certificate not reloaded" in caplog.text


async def test_failures_in_the_background_are_logged_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of tasks and of the loop's own call-backs."""
    config = tmp_path / "c"
    config.write_text("one")
    what = served(config)

    async def fails() -> None:
        raise LookupError("lost")

    def breaks() -> None:
        raise LookupError("broken")

    def go() -> None:
        what.tasks.start(fails(), name="helper:1")
        asyncio.get_running_loop().call_soon(breaks)
        asyncio.get_running_loop().call_later(0.05, what.server.begin_drain)

    what.server.when_ready(go)
    await what.run(bind("127.0.0.1", 0))
    asyncio.get_running_loop().set_exception_handler(None)
    assert "background task failed" in caplog.text
    assert "event loop: Exception in callback" in caplog.text
    samples = {(s.family, s.labels): s.values[0] for s in what.runtime.metrics.snapshot()}
    assert samples[("llm_edge_task_failures_total", ("helper",))] == 1
