"""Run the gateway."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from typing import Any

from proxy.cli.common import add_config
from proxy.core.ids import secret_hex
from proxy.serving.embedded_redis import EmbeddedRedisFailed
from proxy.serving.launcher import launch
from proxy.serving.options import Launch, ServeOptions
from proxy.serving.sockets import CannotListen
from proxy.settings import Settings, load_settings

EXAMPLES = """examples:
  llm-edge serve --demo
  OPENAI_API_KEY=… llm-edge serve
  llm-edge serve --config config.yaml --workers 4

signals: SIGTERM and SIGINT drain, a second SIGINT ends at once, SIGHUP reloads the configuration"""

ANY = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--host", help="address to bind")
    parser.add_argument("--port", type=int, help="port to bind; 0 takes a free one")
    parser.add_argument("--workers", type=int, metavar="N", help="worker processes; more than one needs stores.redis")
    parser.add_argument("--demo", action="store_true", help="loopback, echo provider, a key and a curl line to paste")
    parser.add_argument("--insecure", action="store_true", help="allow auth.enabled: false on any address")


def run(args: argparse.Namespace) -> int:
    """Exit code. Raises SettingsError."""
    overrides = overrides_of(args)
    demo_key = None
    if args.demo:
        demo_key = f"sk-demo-{secret_hex(16)}"
        overrides["auth"] = {"static_keys": [demo_key]}
        overrides["server"] = {"drain_delay_s": 0, **overrides.get("server", {})}
    settings = load_settings(args.config, overrides=overrides)
    if demo_key is None:
        show_first_key(settings)
    what = Launch(options=ServeOptions.of(settings), config=args.config, overrides=overrides, sources=settings.sources)
    scheme = "https" if what.options.tls_cert is not None else "http"
    try:
        return launch(what, on_ready=announce(scheme, demo_key))
    except (CannotListen, EmbeddedRedisFailed) as exc:
        sys.stderr.write(f"llm-edge serve: {exc}\n")
        return 1


def overrides_of(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that the command line names, by section."""
    server = {name: value for name in ("host", "port", "workers") if (value := getattr(args, name)) is not None}
    overrides: dict[str, Any] = {"server": server} if server else {}
    for flag in ("demo", "insecure"):
        if getattr(args, flag):
            overrides[flag] = True
    return overrides


def announce(scheme: str, demo_key: str | None) -> Callable[[str, int], None]:
    """What a person wants to see once connections are accepted; on standard error, since standard output carries the JSON log."""

    def ready(host: str, port: int) -> None:
        shown = "127.0.0.1" if host in ANY else f"[{host}]" if ":" in host else host
        base = f"{scheme}://{shown}:{port}"
        if demo_key is None:
            return
        body = '{"model": "echo", "messages": [{"role": "user", "content": "Hello"}]}'
        sys.stderr.write(
            f"\nLLM Edge demo is ready (echo provider, nothing leaves this machine).\n\n"
            f"  base URL   {base}/v1\n"
            f"  API key    {demo_key}\n\n"
            f"  curl -s {base}/v1/chat/completions \\\n"
            f'    -H "Authorization: Bearer {demo_key}" \\\n'
            f'    -H "Content-Type: application/json" \\\n'
            f"    -d '{body}'\n\n"
        )
        sys.stderr.flush()

    return ready


def show_first_key(settings: Settings) -> None:
    """The first admin key of an empty embedded store: on a terminal only, never in a log. Raises Unavailable, OSError."""
    from proxy.storage.bootstrap import admin_key_file, bootstrap
    from proxy.storage.open import open_records

    if not settings.stores.embedded_records or not settings.auth.enabled:
        return

    async def prepare() -> str | None:
        records = open_records(settings.stores.records_url)
        try:
            return await bootstrap(records, settings, sys.stderr.isatty())
        finally:
            await records.aclose()

    key = asyncio.run(prepare())
    if key is not None:
        sys.stderr.write(f"\nFirst admin key, shown this once:\n\n  {key}\n\n")
    elif (file := admin_key_file(settings)) is not None and file.is_file():
        sys.stderr.write(f"The first admin key is in {file}\n")
