"""The npm package oidc-provider as a real issuer.

A machine without npm, or without a registry to install from, skips these tests, or fails them when CI=true, as with every missing part; the
same attacks run everywhere against an issuer of our own (tests/contract/test_contract_p_tokens.py).
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.require import missing
from tests.support.tokens import AUDIENCE, SigningKey

SOURCE = Path(__file__).parent / "oidc_provider"
CLIENT = ("billing", "a-secret-of-the-billing-service-0123456789")


def installed() -> Path:
    """The directory with node_modules; where that cannot be, `missing`."""
    found = _install()
    if isinstance(found, str):
        missing("oidc-provider", found)
    return found


@cache
def _install() -> Path | str:
    """Once for each content of the lock, into this Python's environment; or why not."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "npm brings it, a real issuer of tokens"
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(SOURCE.iterdir()))).hexdigest()[:16]
    place = Path(sys.prefix) / f"oidc-provider-{digest}"
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    if place.exists():
        return place
    try:
        with tempfile.TemporaryDirectory(dir=sys.prefix) as folder:
            made = Path(folder) / "made"
            shutil.copytree(SOURCE, made)
            subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=60, check=True)
            with suppress(OSError):  # whole under its name or not there, for another worker may be at it, too
                made.rename(place)
    except (OSError, subprocess.SubprocessError) as exc:
        return f"it cannot be installed from npm: {exc}"
    return place if place.exists() else "its installation could not be put in its place"


class OidcServer:
    """`rotate` puts other keys in force at the running server; the first of them signs."""

    def __init__(self, *keys: SigningKey) -> None:
        self.audience = AUDIENCE
        self._process = subprocess.Popen(
            ["node", "server.mjs"], cwd=installed(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            self.url = self.rotate(*keys)
        except BaseException:
            self.close()
            raise

    def rotate(self, *keys: SigningKey) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"port": 0, "jwks": [key.jwk(private=True) for key in keys]}) + "\n")
        self._process.stdin.flush()
        said = ""
        for line in self._process.stdout:
            if line.startswith('{"url"'):
                return str(json.loads(line)["url"])
            said += line
        raise AssertionError(f"the issuer ended with {self._process.wait()}: {said[-2000:]}")

    def stop(self) -> None:
        """Stops answering, as a crashed server does."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.stop()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                # A line that the server never read is still in the buffer: closing would send it.
                with suppress(BrokenPipeError):
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
