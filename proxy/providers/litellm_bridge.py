"""The long tail of providers, through the litellm package: kind `litellm`, one upstream for each `model_prefix` (`groq/`).

The package is an extra, and takes seconds and hundreds of megabytes to import: only this module does, when such a provider is configured,
in a thread. Its own retries, fallbacks, caches, callbacks and prints are off: the pipeline decides (contract C), and the package carries
out one call.

Source: litellm 1.110.2, `main.py`, `utils.py`, `litellm_core_utils/streaming_handler.py`, read 2026-11-25.
"""

import functools
import importlib
import logging
import threading
import warnings
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Any

from proxy.providers.base import Outgoing, Provider
from proxy.providers.http import HttpProvider
from proxy.providers.key_pool import Credential, KeyPool
from proxy.providers.litellm_request import check_body, check_model, leave_out
from proxy.providers.litellm_transport import LitellmApi, LitellmRequest, LitellmTransport, LitellmUnusable
from proxy.settings import ProviderSettings
from proxy.settings.litellm_environ import litellm_secrets, prepare_litellm_environ

HINT = "pip install 'llm-edge[litellm]'"
_SWITCHES: dict[str, Any] = {
    "telemetry": False,
    "suppress_debug_info": True,
    "set_verbose": False,
    # A parameter that the provider lacks is an error, not silence.
    "drop_params": False,
    "modify_params": False,
    "num_retries": None,
    "DEFAULT_MAX_RETRIES": 0,
    "num_retries_per_request": None,
    "cache": None,
    "callbacks": [],
    "input_callback": [],
    "success_callback": [],
    "failure_callback": [],
    "_async_success_callback": [],
    "_async_failure_callback": [],
    "model_fallbacks": None,
    "default_fallbacks": None,
    "context_window_fallbacks": None,
    "content_policy_fallbacks": None,
    # Its guard against addresses inside the network, for images that it fetches itself.
    "user_url_validation": True,
    # Else counting the tokens of a Llama asks huggingface.co for its tokenizer, and blocks the loop meanwhile.
    "disable_hf_tokenizer_download": True,
    # Else a hundred equal chunks are an error: whether a model repeats itself is not ours to judge.
    "REPEATED_STREAMING_CHUNK_LIMIT": 1 << 62,
}
_EACH_CALL: dict[str, Any] = {"num_retries": 0, "max_retries": 0, "caching": False, "drop_params": False, "no-log": True}
_LOADING = threading.Lock()

_log = logging.getLogger("llm_edge")


class LitellmBridge(HttpProvider):
    """Its names of models are the package's without the prefix. Without keys the package looks for them where it always does."""

    kind = "litellm"
    dialect = "openai_chat"
    paths = {"openai_chat": "", "openai_embeddings": ""}

    def __init__(self, name: str, *, model_prefix: str, transport: LitellmTransport, **more: Any) -> None:
        super().__init__(name, base_url="", transport=transport, **more)
        self.model_prefix = model_prefix
        self.ready = transport.ready

    def request(self, call: Outgoing, key: Credential) -> LitellmRequest:
        """Raises ModelNotFound for a name that is none."""
        check_model(call.model)
        model = self.model_prefix + call.model
        return LitellmRequest(
            method="POST",
            url=f"litellm:{model}",
            headers=(),
            body=call.body,
            timeouts=call.timeouts,
            max_response_bytes=call.max_response_bytes,
            model=model,
            dialect=call.dialect,
            stream=call.stream,
            key=key,
        )

    def amend(self, body: dict[str, Any], dialect: str) -> tuple[str, ...]:
        """Raises BadRequest."""
        check_body(body, dialect)
        lost = leave_out(body, dialect)
        if body.get("stream") is True:
            options = body.get("stream_options")
            body["stream_options"] = {**options, "include_usage": True} if isinstance(options, dict) else {"include_usage": True}
        return lost


def build_bridge(name: str, s: ProviderSettings, *, load: Callable[[], LitellmApi] | None = None) -> LitellmBridge:
    """Imports nothing yet: `loading` does."""
    prefix = s.model_prefix or ""
    fixed = dict(_EACH_CALL)
    if s.base_url is not None:
        fixed["api_base"] = s.base_url
    if s.api_version is not None:
        fixed["api_version"] = s.api_version
    if s.headers:
        fixed["extra_headers"] = {name: value.get_secret_value() for name, value in s.headers.items()}
    return LitellmBridge(
        name,
        model_prefix=prefix,
        keys=KeyPool([key.get_secret_value() for key in s.api_keys]),
        transport=LitellmTransport(load or load_litellm, prefix=prefix, fixed=fixed),
        free=s.price == "free",
        dialects=[dialect for dialect in (f"openai_{word}" for word in s.speaks) if dialect in LitellmBridge.paths],
    )


def loading(providers: Iterable[Provider]) -> Awaitable[None] | None:
    """What has to be waited for before these can all serve; None: nothing. Raises LitellmUnusable, the first of several."""
    bridges = [p for p in providers if isinstance(p, LitellmBridge)]
    return _ready(bridges) if bridges else None


async def _ready(bridges: list[LitellmBridge]) -> None:
    for bridge in bridges:
        try:
            await bridge.ready()
        except LitellmUnusable as exc:
            raise LitellmUnusable(f"provider {bridge.name}: litellm cannot be used: {exc}") from exc


def load_litellm() -> LitellmApi:
    """Import and settle the package, once for the process: in a thread. Raises LitellmUnusable."""
    with _LOADING:
        return _load()


@functools.cache
def _load() -> LitellmApi:
    prepare_litellm_environ()
    began = monotonic()
    try:
        litellm = importlib.import_module("litellm")
        errors: type[Exception] = importlib.import_module("openai").OpenAIError
        timeout: Callable[..., Any] = importlib.import_module("httpx").Timeout
    except ImportError as exc:
        raise LitellmUnusable(f"{exc}: {HINT}") from exc
    warnings.filterwarnings("ignore", message="Item '.*' on TypedDict class .* is using the `ReadOnly` qualifier", category=UserWarning)
    for name, value in _SWITCHES.items():
        setattr(litellm, name, value)
    logger = logging.getLogger("LiteLLM")
    logger.handlers.clear()  # its own writes to standard error, past our redaction
    logger.setLevel(logging.ERROR)
    users = _Users(litellm)
    _log.info("litellm imported", extra={"after_s": round(monotonic() - began, 3)})
    return LitellmApi(
        chat=litellm.acompletion,
        embed=litellm.aembedding,
        errors=(errors, ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError),
        timeout=lambda total_s, connect_s: timeout(total_s, connect=connect_s),
        providers=frozenset(str(getattr(provider, "value", provider)) for provider in litellm.provider_list),
        acquire=users.acquire,
        release=users.release,
        secrets=litellm_secrets(),
    )


class _Users:
    """The package pools connections for the process, not for a bridge: the last bridge that closes takes them along."""

    def __init__(self, litellm: Any) -> None:
        self._litellm = litellm
        self._count = 0

    def acquire(self) -> None:
        self._count += 1

    async def release(self) -> None:
        self._count -= 1
        if self._count:
            return
        await self._litellm.close_litellm_async_clients()
        self._litellm.in_memory_llm_clients_cache.flush_cache()
        # Some adapters share one client that is no part of that cache; its transport makes a new session when it is used again.
        transport = getattr(getattr(self._litellm.module_level_aclient, "client", None), "_transport", None)
        if transport is not None:
            await transport.aclose()
        # It starts a task for callbacks with the first call of a loop, callbacks or not.
        await importlib.import_module("litellm.litellm_core_utils.logging_worker").GLOBAL_LOGGING_WORKER.stop()


_: type[Provider] = LitellmBridge
