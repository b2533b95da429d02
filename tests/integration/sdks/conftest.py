"""Each module of this folder is one SDK against one gateway and the five scripted providers; see tests/support/scripted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.scripted import DIALECTS, Dialect, ScriptedProviders
from tests.support.scripted.stage import Stage, on_stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with on_stage() as playing:
        yield playing


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PEM of the authority that `tls_stage` is signed by; the server's beside it."""
    folder = tmp_path_factory.mktemp("tls")
    made = trustme.CA()
    made.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    made.cert_pem.write_to_path(folder / "ca.pem")
    return folder / "ca.pem"


@pytest.fixture(scope="module")
def tls_stage(authority: Path) -> Iterator[Stage]:
    """AWS's SDK shows a bearer token over TLS only."""
    with on_stage(authority.with_name("server.pem")) as playing:
        yield playing


@pytest.fixture
def up(stage: Stage) -> Iterator[ScriptedProviders]:
    """The providers, which heard nothing yet, and find nothing wrong with what they hear."""
    stage.up.heard.clear()
    stage.up.rejected.clear()
    yield stage.up
    assert stage.up.rejected == []


@pytest.fixture(params=DIALECTS)
def upstream(request: pytest.FixtureRequest) -> Dialect:
    """The dialect of the provider behind the gateway."""
    dialect: Dialect = request.param
    return dialect
