"""What all sections share: frozen, closed to unknown keys, silent about their secrets."""

import hashlib
import re
from pathlib import Path as FilePath
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Secret, SecretStr

_CREDENTIALS = re.compile(r"(?<=://)\S*@")
_QUERY_SECRET = re.compile(r"((?:password|token|secret|key)=)[^&]*", re.IGNORECASE)


class Section(BaseModel):
    """A mapping of the configuration file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


def redact_url(url: str) -> str:
    """A URL without its credentials: `redis://***@host:6379/0`. Up to the last `@`: a password may hold any character."""
    return _QUERY_SECRET.sub(r"\1***", _CREDENTIALS.sub("***@", url))


class SecretUrl(Secret[str]):
    """A URL that may hold a password: printed without it."""

    def _display(self) -> str:
        return redact_url(self.get_secret_value())


def split_list(value: Any) -> Any:
    """A comma- or newline-separated string as a list: what an environment variable can say."""
    if isinstance(value, str):
        return [item.strip() for item in re.split(r"[,\n]", value) if item.strip()]
    return value


def split_secrets(value: Any) -> Any:
    """As `split_list`, and each member too: `env:API_KEYS` in a list may itself hold several keys."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    value = split_list(value)
    if not isinstance(value, list | tuple):
        return value
    flat: list[Any] = []
    for item in value:
        text = item.get_secret_value() if isinstance(item, SecretStr) else item
        flat.extend(split_list(text) if isinstance(text, str) else [text])
    return flat


def off_on(value: Any) -> Any:
    """YAML 1.1 reads a bare `off` as false: give the word back."""
    return {False: "off", True: "on"}[value] if isinstance(value, bool) else value


def digestible(value: Any) -> Any:
    """JSON values, with the SHA-256 of each secret in its place."""
    if isinstance(value, dict):
        return {str(key): digestible(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [digestible(item) for item in value]
    if isinstance(value, SecretStr | SecretUrl):
        return hashlib.sha256(value.get_secret_value().encode()).hexdigest()
    return str(value) if isinstance(value, FilePath) else value


def _http_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ValueError("not a URL") from exc
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("must be an absolute http:// or https:// URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold credentials; use api_keys or headers")
    if parts.query or parts.fragment or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ValueError("must not hold a query, a fragment or white space")
    return url.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Strings = Annotated[tuple[str, ...], BeforeValidator(split_list)]
SecretList = Annotated[tuple[SecretStr, ...], BeforeValidator(split_secrets)]
Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
