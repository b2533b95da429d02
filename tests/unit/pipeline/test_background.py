"""Requests that the gateway makes itself."""

from typing import get_type_hints

from proxy.api.in_process import InProcess
from proxy.pipeline.background import Background


def test_the_application_sends_them() -> None:
    """By the arguments that the pipeline gives."""
    assert get_type_hints(InProcess.start).keys() == get_type_hints(Background.start).keys()
