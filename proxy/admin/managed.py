"""What the configuration names is changed there and nowhere else."""

from proxy.core.errors import Conflict
from proxy.settings import Settings
from proxy.settings.errors import Path, dotted


def managed_by_file(settings: Settings, path: Path, hint: str = "") -> Conflict:
    """As an error to raise. `path`: the setting; its place is in the message and in `details`."""
    where = settings.where(path)
    shown = dotted(path) or "the configuration"
    message = f"{shown} is managed by {f'the configuration ({where})' if where else 'the configuration'}: change it there and reload"
    return Conflict(message + (f". {hint}" if hint else ""), code="managed_by_file", details={"path": dotted(path), "where": where or None})
