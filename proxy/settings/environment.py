"""The environment names that the gateway knows: its own, and those of the systems it replaces."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from proxy.settings.base import split_list

MIB = 1024 * 1024


def _text(value: str) -> Any:
    return value


def _mib(value: str) -> Any:
    """Bytes as MiB; what is no number is left to the schema's own message."""
    return int(value) / MIB if re.fullmatch(r"\d+", value) else value


def _kafka(value: str) -> Any:
    return [f"kafka://{value}"]


def _metrics_port(value: str) -> Any:
    return None if value.lower() in ("off", "none") else value


class EnvName(NamedTuple):
    """`path`: the dotted setting that it sets; `parse`: its text as the file would have it."""

    name: str
    path: str
    meaning: str
    parse: Callable[[str], Any] = _text


NAMES: tuple[EnvName, ...] = (
    EnvName("ENV", "environment", "Name of the deployment (`dev`, `prod`)."),
    EnvName(
        "ENVIRONMENT",
        "environment",
        "As ENV, and wins; set and not `local`: REDIS_HOST is TLS; `local` with COGNITO_USER_POOL_ID: docs/tokens.md.",
    ),
    EnvName("HOST", "server.host", "Address to bind."),
    EnvName("PORT", "server.port", "TCP port."),
    EnvName("METRICS_PORT", "server.metrics_port", "TCP port of the second `/metrics`; `off`: none.", _metrics_port),
    EnvName("MAX_REQUEST_SIZE", "server.max_body_mb.models", "Cap of a request body on model routes, in bytes.", _mib),
    EnvName("SERVER_TIMEOUT_SECONDS", "routing.timeouts.total_s", "Time-out of a whole request, in seconds."),
    EnvName("CORS_ORIGINS", "server.cors.origins", "Comma list of origins that browsers may call from.", split_list),
    EnvName("ENABLE_TLS", "server.tls.enabled", "Whether the certificate is used."),
    EnvName("TLS_CERT_PATH", "server.tls.cert", "PEM file with the certificate and its chain."),
    EnvName("TLS_KEY_PATH", "server.tls.key", "PEM file with the private key."),
    EnvName("AUTH_ENABLED", "auth.enabled", "Off only on a loopback address or with `--insecure`."),
    EnvName("API_KEYS", "auth.static_keys", "Comma list of client keys, each plain or as hex SHA-256.", split_list),
    EnvName("LLM_EDGE_ADMIN_KEY", "auth.admin_key", "A key with role admin, plain or as hex SHA-256."),
    EnvName("API_KEY_SIGNING_SECRET", "auth.signing_secret", "Key of the HMAC in signed keys, at least 32 bytes."),
    EnvName("API_KEY_PREVIOUS_SIGNING_SECRET", "auth.previous_signing_secret", "The one before it, whose keys stay good."),
    EnvName("AUTH_HEALTH_CHECK", "auth.health_check", "Whether health routes and `/metrics` need a key too."),
    EnvName("DATABASE_URL", "stores.records", "URL of the record store."),
    EnvName("DYNAMODB_USAGE_PLANS_TABLE", "stores.dynamodb.plans_table", "Table of usage plans; makes DynamoDB the record store."),
    EnvName("DYNAMODB_USAGE_LOGS_TABLE", "stores.dynamodb.logs_table", "Table of usage logs; likewise."),
    EnvName("REDIS_URL", "stores.redis", "URL of the Redis; wins over REDIS_HOST."),
    EnvName("KAFKA_BROKER", "stores.audit", "`host:port` of a Kafka broker for audit events.", _kafka),
    EnvName("ENABLE_L2_CACHE", "cache.l2.enabled", "Whether answers are cached in Redis; unset: when there is one."),
    EnvName("L1_CACHE_SIZE", "cache.l1.max_entries", "Answers kept in the process."),
    EnvName("L1_TTL_SECONDS", "cache.l1.ttl_s", "Lifetime of an answer in the process, in seconds."),
    EnvName("L2_TTL_SECONDS", "cache.l2.ttl_s", "Lifetime of an answer in Redis, in seconds."),
    EnvName("ROUTING_STRATEGY", "routing.strategy", "How a target is chosen; synonyms such as `cost_based` are taken."),
    EnvName("CIRCUIT_BREAKER_THRESHOLD", "routing.breaker.threshold", "Consecutive failures that open a provider's breaker."),
    EnvName("CIRCUIT_BREAKER_TIMEOUT_S", "routing.breaker.open_s", "How long it stays open, in seconds."),
    EnvName("ENABLE_METRICS", "telemetry.metrics", "Whether `/metrics` is served."),
    EnvName("ENABLE_TRACING", "telemetry.tracing.enabled", "Whether spans are exported when there is an endpoint."),
    EnvName("OTLP_ENDPOINT", "telemetry.tracing.endpoint", "OTLP endpoint."),
    EnvName("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.tracing.endpoint", "OTLP endpoint; wins over OTLP_ENDPOINT."),
    EnvName("OTEL_SERVICE_NAME", "telemetry.tracing.service_name", "`service.name` of the spans."),
    EnvName("RUST_LOG", "telemetry.log_level", "Log level; of a filter list the bare word counts."),
    EnvName("RATE_LIMIT_ENABLED", "limits.enabled", "Off: nothing is limited."),
    EnvName("RATE_LIMIT_QPS", "limits.default.qps", "Requests a second of a key without limits of its own, sustained."),
    EnvName("RATE_LIMIT_BURST", "limits.default.burst", "Requests of such a key in any one second."),
    EnvName("RATE_LIMIT_RPM", "limits.gateway.rpm", "Requests a minute, of all keys together."),
    EnvName("LOG_LEVEL", "telemetry.log_level", "Log level; wins over RUST_LOG."),
)
"""In order: a later name wins over an earlier one for the same setting."""

COMPOSED: tuple[tuple[str, str], ...] = (
    ("LLM_EDGE_CONFIG", "Path of the YAML file."),
    ("SERVER_ADDRESS", "`host:port` to bind; HOST and PORT win over it."),
    ("REDIS_HOST", "Host of the Redis; with REDIS_PORT (6379) and REDIS_PASSWORD it makes `stores.redis`."),
    ("REDIS_CLUSTER_NODES", "Comma list of `host:port` (or `redis://host:port`) of a Redis Cluster; as REDIS_HOST, and wins over it."),
    ("REDIS_PORT", "Port of that Redis; `tcp://host:port`, as Kubernetes sets it, is read too."),
    ("REDIS_PASSWORD", "Password of that Redis."),
    ("OPENAI_API_KEY", "Makes provider `openai` when no source has a `providers` section; a comma list makes a key pool."),
    ("OPENAI_BASE_URL", "Its endpoint; alone, it makes a keyless `openai_compatible` provider of the name `openai`."),
    ("AZURE_OPENAI_API_KEY", "With AZURE_OPENAI_ENDPOINT: makes provider `azure`, likewise."),
    ("AZURE_OPENAI_ENDPOINT", "Its endpoint."),
    ("AZURE_OPENAI_API_VERSION", "Its `api-version`."),
    ("ANTHROPIC_API_KEY", "Makes provider `anthropic`, likewise."),
    ("ANTHROPIC_BASE_URL", "Its endpoint."),
    ("AWS_BEARER_TOKEN_BEDROCK", "Makes provider `bedrock`, likewise."),
    ("AWS_DEFAULT_REGION", "Region of that provider (us-east-1)."),
    ("AWS_REGION", "The same, and wins, where a provider of kind bedrock names no region."),
    ("GEMINI_API_KEY", "Makes provider `gemini`, likewise."),
    ("GEMINI_BASE_URL", "Its endpoint."),
    ("COGNITO_USER_POOL_ID", "Makes an issuer of tokens, with AWS_DEFAULT_REGION, when no source has `auth.jwt` (docs/tokens.md)."),
    ("COGNITO_USER_CLIENT_ID", "App client of that pool whose tokens are users'."),
    ("COGNITO_M2M_CLIENT_ID", "App client of that pool whose tokens are a service's."),
    ("COGNITO_M2M_SERVICE_IDS", "Comma list of service ids that those may name in `X-Service-ID`; `*`: any."),
)

LATER: dict[str, str] = {
    "OPENAI_MODEL": "agents",
    "OPENAI_PRICE_INPUT": "agents",
    "OPENAI_PRICE_OUTPUT": "agents",
    "SESSION_TTL_SECONDS": "agents",
    "REDIS_PASSWORD_SECRET_ARN": "AWS Secrets Manager",
}
"""Name → the feature that will read it."""

UNUSED: dict[str, str] = {
    "PROMETHEUS_MULTIPROC_DIR": "the supervisor merges the workers' metrics itself",
    "TOKIO_WORKER_THREADS": "set server.workers instead",
    "LLM_GATEWAY_ENDPOINT": "it is for clients of the gateway",
    "LITELLM_API_ENDPOINT": "it is for clients of the gateway",
    "LITELLM_MASTER_KEY": "set LLM_EDGE_ADMIN_KEY instead",
}
"""Name → why it has no effect."""
