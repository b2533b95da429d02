"""The package's public names."""

import importlib

import pytest

import proxy


@pytest.mark.parametrize("name", [name for name in proxy.__all__ if name != "__version__"])
def test_each_public_name_is_the_one_of_its_module(name: str) -> None:
    """Resolved on first use."""
    home = "proxy.settings" if "ettings" in name else "proxy.app"
    assert getattr(proxy, name) is getattr(importlib.import_module(home), name)
