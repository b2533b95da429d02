"""What AWS's own SDKs read of the environment: passed on as it is to the credential chain."""

import os
from collections.abc import Mapping

_ALSO = ("HOME", "USERPROFILE")
"""Where the shared files are."""


def aws_environ(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """`environ` None: the process's own."""
    source = os.environ if environ is None else environ
    return {name: value for name, value in source.items() if name.startswith("AWS_") or name in _ALSO}


def aws_region(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
