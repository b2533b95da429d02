"""One GET to a running gateway."""

import argparse
import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from proxy.cli.common import add_config
from proxy.core.errors import Unavailable
from proxy.settings import Problem, Settings, SettingsError, load_settings

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


def add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="base URL (default: from the configuration, else http://127.0.0.1:8080)")
    parser.add_argument("--timeout-s", type=float, default=5.0, metavar="S", help="seconds to wait (default 5)")
    parser.add_argument("--ca-file", metavar="FILE", help="PEM file of certificate authorities to trust for https")
    add_config(parser)


def ask(args: argparse.Namespace, path: str, more: Mapping[str, str] | None = None) -> Answer:
    """`more`: headers. Raises Unavailable when nobody answers, SettingsError for a URL that is none."""
    base, headers = _target(args)
    connection = _connect(base, args)
    try:
        connection.request("GET", base.path.rstrip("/") + path, headers={**headers, **(more or {})})
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except (OSError, http.client.HTTPException) as exc:
        raise Unavailable(f"no answer from {base.scheme}://{base.netloc}: {str(exc) or type(exc).__name__}") from exc
    finally:
        connection.close()


def _target(args: argparse.Namespace) -> tuple[SplitResult, dict[str, str]]:
    if args.url is not None:
        base = urlsplit(args.url)
        if base.scheme not in ("http", "https") or not base.hostname or "@" in base.netloc:
            raise SettingsError(Problem("must be an http:// or https:// URL without credentials", "--url"))
        return base, {}
    settings = load_settings(args.config, serving=False)
    return urlsplit(gateway_url(settings)), _credentials(settings)


def gateway_url(settings: Settings) -> str:
    """Where a gateway of this configuration is reached from its own machine."""
    server = settings.server
    host = _ANY.get(server.host, server.host)
    scheme = "https" if server.tls.enabled and server.tls.cert is not None else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{server.port}"


def _credentials(settings: Settings) -> dict[str, str]:
    """Only where health routes need one, and only to the gateway that the configuration itself describes."""
    if not settings.auth.health_check or settings.auth.admin_key is None:
        return {}
    return {"x-api-key": settings.auth.admin_key.get_secret_value()}


def _connect(base: SplitResult, args: argparse.Namespace) -> http.client.HTTPConnection:
    host, timeout_s = str(base.hostname), args.timeout_s
    if base.scheme == "https":
        context = ssl.create_default_context(cafile=args.ca_file)
        return http.client.HTTPSConnection(host, base.port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(host, base.port, timeout=timeout_s)
