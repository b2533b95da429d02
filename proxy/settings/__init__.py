"""Configuration: the only reader of the environment, read once at start and again on reload."""

from proxy.settings.base import SecretUrl, redact_url
from proxy.settings.errors import Problem, SettingsError
from proxy.settings.loading import load_settings
from proxy.settings.models import ModelSettings, TargetSettings
from proxy.settings.providers import ProviderSettings
from proxy.settings.root import Settings
from proxy.settings.routing import RetrySettings, TimeoutSettings

__all__ = [
    "ModelSettings",
    "Problem",
    "ProviderSettings",
    "RetrySettings",
    "SecretUrl",
    "Settings",
    "SettingsError",
    "TargetSettings",
    "TimeoutSettings",
    "load_settings",
    "redact_url",
]
