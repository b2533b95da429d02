# Two stages: the first holds pip and the build backend, the second only what runs.
FROM python:3.11-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /src
RUN python -m venv /opt/llm-edge
COPY requirements/image.lock requirements/image.lock
RUN /opt/llm-edge/bin/python -m pip install --no-compile --no-deps --require-hashes --requirement requirements/image.lock
COPY pyproject.toml README.md LICENSE ./
COPY proxy proxy
RUN /opt/llm-edge/bin/python -m pip install --no-compile --no-deps --no-build-isolation . \
    && /opt/llm-edge/bin/python -m pip uninstall --yes setuptools pip \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/llm-edge/lib

FROM python:3.11-slim-bookworm

# Nobody may write byte code where it runs, so all of it is here: told by no time stamp, since COPY rounds those, and of the standard
# library too, which the base image leaves out. The base image's own pip goes.
RUN rm -rf /usr/local/lib/python3.11/ensurepip /usr/local/lib/python3.11/site-packages/* /usr/local/bin/pip* \
    && python -m compileall -q --invalidation-mode unchecked-hash -x '/(dist-packages|idlelib|lib2to3|test|tkinter|turtledemo)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
RUN groupadd --system --gid 10001 llm-edge \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/llm-edge --shell /usr/sbin/nologin llm-edge \
    && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/llm-edge
COPY --from=build /opt/llm-edge /opt/llm-edge
ENV PATH=/opt/llm-edge/bin:$PATH PYTHONUNBUFFERED=1

# The embedded record store and the first admin key are made in the working directory.
WORKDIR /var/lib/llm-edge
USER 10001:10001
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8080') + '/health/live', timeout=2)"]

# The supervisor is made to be process 1: it reaps its workers and drains on SIGTERM.
ENTRYPOINT ["llm-edge"]
CMD ["serve"]
