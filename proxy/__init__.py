"""LLM Edge: an intercepting reverse proxy between applications and LLM providers.

`from proxy import Settings, build_app`. The names resolve on first use, so that `llm-edge --help` stays fast.
"""

from typing import TYPE_CHECKING, Any

from proxy.core.version import __version__

if TYPE_CHECKING:
    from proxy.app import Gateway, build_app
    from proxy.settings import Settings, load_settings

__all__ = ["Gateway", "Settings", "__version__", "build_app", "load_settings"]

_HOME = {"Gateway": "proxy.app", "build_app": "proxy.app", "Settings": "proxy.settings", "load_settings": "proxy.settings"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'proxy' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
