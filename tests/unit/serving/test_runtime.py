"""Finding the application."""

import os

import pytest

from proxy.core.lifecycle import Lifecycle
from proxy.serving.options import Launch, ServeOptions
from proxy.serving.runtime import Runtime, load_app
from proxy.telemetry.hub import LocalHub
from proxy.telemetry.logs import Logging
from proxy.telemetry.metrics import Metrics
from tests.support.served_app import ServedApp


def runtime() -> Runtime:
    """Logs into nowhere, not installed."""
    metrics = Metrics()
    fd = os.open(os.devnull, os.O_WRONLY)
    return Runtime(lifecycle=Lifecycle(), metrics=metrics, logs=Logging(fd=fd), hub=LocalHub(metrics))


def test_by_name() -> None:
    """`module:callable`, called with launch and runtime."""
    launch = Launch(options=ServeOptions(), app="tests.support.served_app:open_app")
    assert isinstance(load_app(launch, runtime()), ServedApp)


@pytest.mark.parametrize("name", ["tests.support.nothing:open_app", "tests.support.served_app:nothing"])
def test_a_name_that_leads_nowhere(name: str) -> None:
    """An error at the start."""
    with pytest.raises((ImportError, AttributeError)):
        load_app(Launch(options=ServeOptions(), app=name), runtime())
