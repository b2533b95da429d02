"""`providers`: the upstreams."""

import importlib.util
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from proxy.settings.base import Count, HttpUrl, Positive, SecretList, SecretUrl, Section, split_list
from proxy.settings.routing import TimeoutSettings

Kind = Literal["openai", "openai_compatible", "azure", "anthropic", "bedrock", "gemini", "litellm", "echo"]
DialectName = Literal[
    "chat", "completions", "responses", "embeddings", "messages", "converse", "invoke", "generate_content", "embed_content"
]

BASE_URLS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
}
DIALECTS: dict[str, tuple[DialectName, ...]] = {
    "openai": ("chat", "completions", "responses", "embeddings"),
    "openai_compatible": ("chat", "completions", "embeddings"),
    "azure": ("chat", "completions", "responses", "embeddings"),
    "anthropic": ("messages",),
    "bedrock": ("converse", "invoke"),
    "gemini": ("generate_content", "embed_content"),
    "litellm": ("chat", "embeddings"),
    "echo": ("chat", "embeddings"),
}

_NOT_OF_LITELLM = frozenset({"transport", "ca_file", "proxy", "region", "max_connections", "idle_s"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_RESERVED = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive"})
_NO_CONTROLS = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class KeyLimitSettings(Section):
    """What each key of the pool may be used for, over all models of the provider."""

    concurrency: Count | None = Field(None, description="Calls at the same time with one key, from one process; null: unbounded.")
    rpm: Count | None = Field(None, description="Calls a minute with one key, from one process; null: unbounded.")


class ProviderSettings(Section):
    """One upstream with its credentials."""

    kind: Kind = Field(description="What it is; gives the other fields their defaults.")
    base_url: HttpUrl | None = Field(None, description="Endpoint; null: the kind's own. Required for openai_compatible and azure.")
    api_keys: SecretList = Field((), description="Keys; several make a pool. A member may be a comma list.")
    key_limits: KeyLimitSettings | None = Field(None, description="Bounds of each key; null: none.")
    dialects: Annotated[tuple[DialectName, ...], BeforeValidator(split_list)] | None = Field(
        None, min_length=1, description="What this upstream speaks; null: by kind."
    )
    price: Literal["free", "catalogue"] | None = Field(
        None,
        description="`free`: costs nothing (local models); `catalogue`: has prices, kind echo too; null: that, but kind echo is free.",
    )
    transport: Literal["http1", "httpx"] = Field("http1", description="`http1` is the fast one; `httpx` knows HTTP/2 and outbound proxies.")
    ca_file: Path | None = Field(None, description="PEM file of certificate authorities to trust instead of the system's.")
    proxy: SecretUrl | None = Field(None, description="Outbound HTTP proxy; needs `transport: httpx`.")
    headers: dict[str, SecretStr] = Field({}, description="Static headers added to each request.")
    fetch_urls: Literal["auto", "always", "never"] = Field(
        "auto", description="Fetch URLs of images and documents: where its dialect takes bytes only, always, or never."
    )
    region: str | None = Field(None, description="AWS region of kind bedrock.")
    model_prefix: str | None = Field(None, description="Put before the model's name (`groq/`).")
    api_version: str | None = Field(None, description="`api-version` of azure, `anthropic-version` of anthropic; null: the adapter's.")
    timeouts: TimeoutSettings | None = Field(None, description="What is left out comes from `routing.timeouts`.")
    max_connections: Count | None = Field(None, description="Connections a worker keeps to it at most; null: unbounded.")
    idle_s: Positive = Field(30, description="A pooled connection is closed after so long without use, in seconds.")

    @field_validator("headers")
    @classmethod
    def _wire_safe(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, secret in value.items():
            if not _TOKEN.fullmatch(name):
                raise ValueError("a header's name holds a character that HTTP does not allow")
            if name.lower() in _RESERVED:
                raise ValueError(f"{name} is written by the transport and can't be set")
            if not _NO_CONTROLS.fullmatch(secret.get_secret_value()):
                raise ValueError(f"the value of {name} holds CR, LF or another character that HTTP does not allow")
        return value

    @field_validator("api_keys")
    @classmethod
    def _keys_wire_safe(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(re.fullmatch(r"[\x21-\x7e]+", item.get_secret_value()) for item in value):
            raise ValueError("a key is empty or holds white space or a character that is not ASCII")
        return value

    @field_validator("proxy")
    @classmethod
    def _proxy_url(cls, value: SecretUrl | None) -> SecretUrl | None:
        if value is not None and not re.match(r"https?://[^/\s]+", value.get_secret_value()):
            raise ValueError("must be an http:// or https:// URL")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind in ("openai_compatible", "azure") and self.base_url is None:
            raise ValueError(f"kind {self.kind} needs base_url")
        if self.kind in ("openai", "anthropic", "gemini") and self.base_url is None and not self.api_keys:
            raise ValueError(f"kind {self.kind} needs api_keys (for example [env:{self.kind.upper()}_API_KEY])")
        if self.kind == "litellm":
            self._check_litellm()
        if self.proxy is not None and self.transport != "httpx":
            raise ValueError("an outbound proxy needs transport: httpx")
        return self

    def _check_litellm(self) -> None:
        if not re.fullmatch(r"[a-z0-9_.-]+/(?:[A-Za-z0-9_.-]+/)*", self.model_prefix or ""):
            raise ValueError("kind litellm needs model_prefix: litellm's name of the provider and a slash, for example groq/")
        if others := sorted(self.model_fields_set & _NOT_OF_LITELLM):
            raise ValueError(f"kind litellm does not use {', '.join(others)}: the package makes its own connections")
        if importlib.util.find_spec("litellm") is None:
            raise ValueError("kind litellm needs a package that is not installed: pip install 'llm-edge[litellm]'")

    @property
    def url(self) -> str:
        """Where it is, without a trailing slash; "" for kinds without an address (echo, litellm, bedrock by region)."""
        return self.base_url or BASE_URLS.get(self.kind, "")

    @property
    def speaks(self) -> tuple[DialectName, ...]:
        return self.dialects or DIALECTS[self.kind]
