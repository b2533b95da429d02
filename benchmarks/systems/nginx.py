"""nginx `proxy_pass`: the yardstick. Keep-alive to the upstream, one worker; `proxy_buffering off` for streams."""

from benchmarks.payloads import STREAM_MODEL
from benchmarks.processes import free_port, wait_ready
from benchmarks.systems.base import Endpoint, Env, Missing, System
from benchmarks.upstream.servers import NoNginx, nginx_binary, nginx_version, start_nginx


def _server(name: str, port: int, upstream_port: int, extra: str) -> str:
    pool = "keepalive 512; keepalive_requests 1000000000; keepalive_timeout 600s;"
    return f"""  upstream {name} {{ server 127.0.0.1:{upstream_port}; {pool} }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://{name}; proxy_http_version 1.1; proxy_set_header Connection ""; {extra} }}
  }}
"""


def start_nginx_proxy(env: Env) -> System:
    answers, streams = free_port(), free_port()
    http = _server("answers", answers, env.upstreams.answers_port, "")
    http += _server("streams", streams, env.upstreams.streams_port, "proxy_buffering off;")
    try:
        process = start_nginx(http, env.work, "proxy", cores=env.cores.system)
        version = nginx_version(nginx_binary())
    except NoNginx as exc:
        raise Missing(str(exc)) from None
    ready_s = wait_ready(process, answers, "/", limit_s=10)
    return System(
        name="nginx",
        version=version,
        governance="none",
        process=process,
        answers=Endpoint(answers),
        streams=Endpoint(streams, model=STREAM_MODEL),
        ready_s=[ready_s],
        verbatim=True,
    )
