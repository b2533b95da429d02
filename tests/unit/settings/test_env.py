"""The environment as a source."""

import pytest

from proxy.settings import Settings, SettingsError, load_settings
from proxy.settings.env import Environment
from proxy.settings.environment import NAMES

ECHO = {"providers": {"echo": {"kind": "echo"}}}


def load(**environ: str) -> Settings:
    """From an environment alone, with an echo provider."""
    return load_settings(environ=environ, dotenv=None, overrides=ECHO)


def providers_of(**environ: str) -> Settings:
    return load_settings(environ=environ, dotenv=None, serving=False)


@pytest.mark.parametrize(
    ("name", "value", "path", "expected"),
    [
        ("HOST", "127.0.0.9", "server.host", "127.0.0.9"),
        ("PORT", "81", "server.port", 81),
        ("METRICS_PORT", "82", "server.metrics_port", 82),
        ("METRICS_PORT", "off", "server.metrics_port", None),
        ("METRICS_PORT", "tcp://10.0.0.1:80", "server.metrics_port", 9090),
        ("MAX_REQUEST_SIZE", "10485760", "server.max_body_mb.models", 10),
        ("SERVER_TIMEOUT_SECONDS", "30", "routing.timeouts.total_s", 30),
        ("CORS_ORIGINS", "https://a, https://b", "server.cors.origins", ("https://a", "https://b")),
        ("AUTH_HEALTH_CHECK", "true", "auth.health_check", True),
        ("ENABLE_L2_CACHE", "false", "cache.l2.enabled", False),
        ("L1_CACHE_SIZE", "7", "cache.l1.max_entries", 7),
        ("L1_TTL_SECONDS", "8", "cache.l1.ttl_s", 8),
        ("L2_TTL_SECONDS", "9", "cache.l2.ttl_s", 9),
        ("ROUTING_STRATEGY", "cost-optimized", "routing.strategy", "cost"),
        ("CIRCUIT_BREAKER_THRESHOLD", "4", "routing.breaker.threshold", 4),
        ("CIRCUIT_BREAKER_TIMEOUT_S", "60", "routing.breaker.open_s", 60),
        ("ENABLE_METRICS", "false", "telemetry.metrics", False),
        ("ENABLE_TRACING", "false", "telemetry.tracing.enabled", False),
        ("OTLP_ENDPOINT", "http://c:4317", "telemetry.tracing.endpoint", "http://c:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://d:4317", "telemetry.tracing.endpoint", "http://d:4317"),
        ("OTEL_SERVICE_NAME", "edge", "telemetry.tracing.service_name", "edge"),
        ("RUST_LOG", "warn,hyper=info", "telemetry.log_level", "warning"),
        ("LOG_LEVEL", "DEBUG", "telemetry.log_level", "debug"),
        ("ENV", "prod", "environment", "prod"),
        ("ENVIRONMENT", "stage", "environment", "stage"),
        ("DATABASE_URL", "sqlite:///x.db", "stores.records_url", "sqlite:///x.db"),
        ("REDIS_URL", "redis://h/1", "stores.redis_url", "redis://h/1"),
        ("SERVER_ADDRESS", "127.0.0.1:99", "server.port", 99),
        ("SERVER_ADDRESS", "127.0.0.1:99", "server.host", "127.0.0.1"),
        ("SERVER_ADDRESS", ":99", "server.host", "0.0.0.0"),
        ("SERVER_ADDRESS", "[::1]:99", "server.host", "::1"),
        ("SERVER_ADDRESS", "[::1]", "server.host", "::1"),
        ("SERVER_ADDRESS", "edge", "server.host", "edge"),
    ],
)
def test_a_known_name_sets_its_setting(name: str, value: str, path: str, expected: object) -> None:
    """Names of the systems that this gateway replaces mean here what they meant there."""
    found: object = load(**{name: value})
    for step in path.split("."):
        found = getattr(found, step)
    assert found == expected


def test_tls_names_go_together(tmp_path: object) -> None:
    """ENABLE_TLS with both paths serves HTTPS."""
    tls = load(ENABLE_TLS="true", TLS_CERT_PATH=__file__, TLS_KEY_PATH=__file__).server.tls
    assert tls.enabled
    assert str(tls.cert) == str(tls.key) == __file__


def test_credentials_are_read_as_secrets() -> None:
    """Keys of callers, of the administrator, of the signer."""
    auth = load(API_KEYS="a, b", LLM_EDGE_ADMIN_KEY="adm", API_KEY_SIGNING_SECRET="s" * 32).auth
    assert [key.get_secret_value() for key in auth.static_keys] == ["a", "b"]
    assert auth.admin_key is not None
    assert auth.admin_key.get_secret_value() == "adm"
    assert auth.signing_secret is not None


def test_authentication_can_be_switched_off_on_loopback() -> None:
    """E's AUTH_ENABLED."""
    assert not load(AUTH_ENABLED="false", HOST="127.0.0.1").auth.enabled


def test_kafka_becomes_an_audit_sink() -> None:
    """A's KAFKA_BROKER names where audit events go."""
    settings = load(KAFKA_BROKER="localhost:9092")
    assert [url.get_secret_value() for url in settings.stores.audit] == ["kafka://localhost:9092"]
    assert any("audit" in line for line in settings.not_yet())


def test_a_later_name_wins() -> None:
    """Two names of one setting: the table's order decides."""
    settings = load(
        OTLP_ENDPOINT="http://a", OTEL_EXPORTER_OTLP_ENDPOINT="http://b", RUST_LOG="warn", LOG_LEVEL="error", HOST="h", SERVER_ADDRESS="i:1"
    )
    assert settings.telemetry.tracing.endpoint == "http://b"
    assert settings.telemetry.log_level == "error"
    assert (settings.server.host, settings.server.port) == ("h", 1)


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"REDIS_HOST": "r"}, "redis://r:6379/0"),
        ({"REDIS_HOST": "r", "REDIS_PORT": "6380", "REDIS_PASSWORD": "p@/s"}, "redis://:p%40%2Fs@r:6380/0"),
        ({"REDIS_HOST": "r", "REDIS_PORT": "tcp://10.0.0.3:6390"}, "redis://r:6390/0"),
        ({"REDIS_HOST": "r", "ENVIRONMENT": "prod"}, "rediss://r:6379/0"),
        ({"REDIS_HOST": "r", "ENVIRONMENT": "local"}, "redis://r:6379/0"),
        ({"REDIS_HOST": "r", "REDIS_URL": "redis://x/0"}, "redis://x/0"),
        ({"REDIS_PORT": "tcp://10.0.0.3:6379"}, None),
        ({"REDIS_CLUSTER_NODES": "a:7000, redis://b:7001", "REDIS_HOST": "r"}, "redis+cluster://a:7000,b:7001"),
        ({"REDIS_CLUSTER_NODES": "a:7000", "REDIS_PASSWORD": "p@", "ENVIRONMENT": "prod"}, "rediss+cluster://:p%40@a:7000"),
        ({"REDIS_CLUSTER_NODES": "a:7000", "REDIS_URL": "redis://x/0"}, "redis://x/0"),
    ],
)
def test_a_redis_is_composed_of_its_parts(environ: dict[str, str], url: str | None) -> None:
    """W's REDIS_HOST, -PORT and -PASSWORD; TLS where ENVIRONMENT is set and not local."""
    assert load(**environ).stores.redis_url == url


def test_provider_keys_make_providers_openai_first() -> None:
    """Unknown models go to the first."""
    settings = providers_of(GEMINI_API_KEY="g", ANTHROPIC_API_KEY="a", OPENAI_API_KEY="o1,o2", OPENAI_BASE_URL="http://up/v1/")
    assert list(settings.providers) == ["openai", "anthropic", "gemini"]
    openai = settings.providers["openai"]
    assert (openai.kind, openai.url, len(openai.api_keys)) == ("openai", "http://up/v1", 2)
    assert settings.providers["anthropic"].url == "https://api.anthropic.com"


def test_a_base_url_alone_makes_a_keyless_provider() -> None:
    """A local server needs no key."""
    provider = providers_of(OPENAI_BASE_URL="http://127.0.0.1:8000/v1").providers["openai"]
    assert (provider.kind, provider.api_keys) == ("openai_compatible", ())


def test_azure_and_bedrock_take_their_own_names() -> None:
    """Azure needs its endpoint; Bedrock has a default region."""
    environ = {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com", "AZURE_OPENAI_API_VERSION": "2024-10-21"}
    azure = providers_of(**environ).providers["azure"]
    assert (azure.kind, azure.api_version) == ("azure", "2024-10-21")
    assert "azure" not in providers_of(AZURE_OPENAI_API_KEY="k").providers
    assert providers_of(AWS_BEARER_TOKEN_BEDROCK="t").providers["bedrock"].region == "us-east-1"
    assert providers_of(AWS_BEARER_TOKEN_BEDROCK="t", AWS_DEFAULT_REGION="eu-west-1").providers["bedrock"].region == "eu-west-1"


def test_a_providers_section_keeps_the_environments_providers_out() -> None:
    """Nobody's key is used because it happened to be set."""
    assert list(load(OPENAI_API_KEY="x").providers) == ["echo"]


def test_the_demo_spends_no_key_of_the_environment() -> None:
    """`--demo` with OPENAI_API_KEY set still answers by echo."""
    settings = load_settings(environ={"OPENAI_API_KEY": "x", "HOST": "0.0.0.0"}, dotenv=None, overrides={"demo": True})
    assert [provider.kind for provider in settings.providers.values()] == ["echo"]
    assert settings.server.host == "127.0.0.1"


def test_any_setting_has_a_name_by_its_path() -> None:
    """Scalars as text, structures as JSON, null as null."""
    settings = load(
        LLM_EDGE_SERVER__PORT="81",
        LLM_EDGE_SERVER__METRICS_PORT="null",
        LLM_EDGE_MODELS='{"m": {"targets": [{"provider": "echo"}]}}',
        LLM_EDGE_SERVER__CORS__ORIGINS='["https://a"]',
        LLM_EDGE_ENVIRONMENT="qa",
    )
    assert (settings.server.port, settings.server.metrics_port, settings.server.cors.origins) == (81, None, ("https://a",))
    assert list(settings.models) == ["m"]
    assert settings.environment == "qa"


def test_a_path_name_adds_to_a_provider_of_the_environment() -> None:
    """OPENAI_API_KEY makes it, LLM_EDGE_PROVIDERS__OPENAI__… adjusts it."""
    settings = providers_of(OPENAI_API_KEY="k", LLM_EDGE_PROVIDERS__OPENAI__MAX_CONNECTIONS="5")
    assert settings.providers["openai"].max_connections == 5


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("LLM_EDGE_SERVR__PORT", "1", 'environment LLM_EDGE_SERVR__PORT: unknown setting servr.port; did you mean "server"?'),
        ("LLM_EDGE_SERVER__PROT", "1", 'environment LLM_EDGE_SERVER__PROT: server.prot: unknown key; did you mean "port"?'),
        ("LLM_EDGE_SERVER__", "1", "environment LLM_EDGE_SERVER__: unknown setting server."),
        ("LLM_EDGE_MODELS", "{oops", "environment LLM_EDGE_MODELS: models: not valid JSON"),
        ("LLM_EDGE_ADMIN_KYE", "1", 'environment LLM_EDGE_ADMIN_KYE: unknown name; did you mean "LLM_EDGE_ADMIN_KEY"?'),
        ("PORT", "http", "environment PORT: server.port: must be a valid integer"),
        ("MAX_REQUEST_SIZE", "10MB", "environment MAX_REQUEST_SIZE: server.max_body_mb.models: must be a valid number"),
    ],
)
def test_a_mistake_names_its_variable(name: str, value: str, text: str) -> None:
    """So that it can be found."""
    with pytest.raises(SettingsError) as caught:
        load(**{name: value})
    assert str(caught.value).startswith(text)


def test_names_that_kubernetes_sets_are_left_alone() -> None:
    """A service called llm-edge puts these into every pod of its namespace."""
    load(LLM_EDGE_SERVICE_HOST="10.0.0.1", LLM_EDGE_PORT="tcp://10.0.0.1:80", LLM_EDGE_PORT_80_TCP_ADDR="10.0.0.1")


def test_an_empty_variable_is_unset_and_hides_dotenv() -> None:
    """`PORT= llm-edge serve` switches a `.env` entry off."""
    env = Environment({"A": "", "B": "b"}, {"A": "x", "C": "c"})
    assert (env.get("A"), env.get("B"), env.get("C")) == (None, "b", "c")
    assert (env.origin("B"), env.origin("C")) == ("environment B", ".env C")


def test_names_without_effect_are_said() -> None:
    """Both those that wait for a feature and those that never will have one."""
    lines = load(OPENAI_MODEL="gpt-4o", TOKIO_WORKER_THREADS="4").not_yet()
    assert lines == [
        "OPENAI_MODEL is set, but agents are not available yet: no effect",
        "TOKIO_WORKER_THREADS has no effect: set server.workers instead",
    ]


def test_every_name_of_the_table_has_a_setting() -> None:
    """No entry points into the void."""
    settings = load()
    for entry in NAMES:
        found: object = settings
        for step in entry.path.split("."):
            found = getattr(found, step)
