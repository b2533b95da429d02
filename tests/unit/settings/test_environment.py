"""The table of names."""

from proxy.settings.environment import COMPOSED, LATER, NAMES, UNUSED

_PROMISED = [
    "ENV",
    "PORT",
    "REDIS_URL",
    "KAFKA_BROKER",
    "OPENAI_API_KEY",
    "OPENAI_MODEL",
    "OPENAI_PRICE_INPUT",
    "OPENAI_PRICE_OUTPUT",
    "API_KEY_SIGNING_SECRET",
    "RATE_LIMIT_QPS",
    "RATE_LIMIT_BURST",
    "SESSION_TTL_SECONDS",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "PROMETHEUS_MULTIPROC_DIR",
    "HOST",
    "METRICS_PORT",
    "ANTHROPIC_API_KEY",
    "ENABLE_L2_CACHE",
    "ENABLE_TRACING",
    "ENABLE_METRICS",
    "RUST_LOG",
    "L1_CACHE_SIZE",
    "L1_TTL_SECONDS",
    "L2_TTL_SECONDS",
    "REDIS_CLUSTER_NODES",
    "OTLP_ENDPOINT",
    "TOKIO_WORKER_THREADS",
    "SERVER_ADDRESS",
    "SERVER_TIMEOUT_SECONDS",
    "MAX_REQUEST_SIZE",
    "ENABLE_TLS",
    "TLS_CERT_PATH",
    "TLS_KEY_PATH",
    "AUTH_ENABLED",
    "API_KEYS",
    "AUTH_HEALTH_CHECK",
    "RATE_LIMIT_ENABLED",
    "RATE_LIMIT_RPM",
    "LOG_LEVEL",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_PASSWORD",
    "REDIS_PASSWORD_SECRET_ARN",
    "DYNAMODB_USAGE_PLANS_TABLE",
    "DYNAMODB_USAGE_LOGS_TABLE",
    "COGNITO_USER_POOL_ID",
    "COGNITO_USER_CLIENT_ID",
    "COGNITO_M2M_CLIENT_ID",
    "AWS_DEFAULT_REGION",
    "ENVIRONMENT",
    "LLM_GATEWAY_ENDPOINT",
]


def test_every_name_of_the_replaced_systems_is_known() -> None:
    """Each is read, waits for its feature, or is said to have no effect."""
    known = {entry.name for entry in NAMES} | {name for name, _ in COMPOSED} | set(LATER) | set(UNUSED)
    assert [name for name in _PROMISED if name not in known] == []


def test_no_name_stands_twice() -> None:
    """One meaning each."""
    names = [entry.name for entry in NAMES] + [name for name, _ in COMPOSED] + list(LATER) + list(UNUSED)
    assert len(names) == len(set(names))
