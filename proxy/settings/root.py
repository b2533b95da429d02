"""`Settings`: the whole configuration, frozen."""

import hashlib
import json
from pathlib import Path as Folder
from typing import Any

from pydantic import Field, PrivateAttr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from proxy.settings.auth import AuthSettings
from proxy.settings.base import digestible
from proxy.settings.budgets import BudgetsSettings
from proxy.settings.cache import CacheSettings
from proxy.settings.errors import Path, Problem, SettingsError, dotted
from proxy.settings.fetch import FetchSettings
from proxy.settings.idempotency import IdempotencySettings
from proxy.settings.later import AgentsSettings, AuditSettings, MaskingSettings
from proxy.settings.limits import LimitsSettings
from proxy.settings.models import ModelSettings
from proxy.settings.not_yet import lines_of
from proxy.settings.prices import PriceSettings
from proxy.settings.providers import ProviderSettings
from proxy.settings.reading import Reading, read_everything
from proxy.settings.responses import ResponsesSettings
from proxy.settings.routing import RetrySettings, RoutingSettings, TimeoutSettings, overlay_timeouts
from proxy.settings.rules import broken_rules
from proxy.settings.server import ServerSettings
from proxy.settings.sources import Sources
from proxy.settings.stores import StoresSettings
from proxy.settings.telemetry import TelemetrySettings
from proxy.settings.translate import problems_of
from proxy.settings.usage import UsageSettings


class _ReadSource(PydanticBaseSettingsSource):
    """All sources at once, merged by `reading`, which alone knows the place of every value."""

    def __init__(self, settings_cls: type[BaseSettings], data: dict[str, Any]) -> None:
        super().__init__(settings_cls)
        self._data = data

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._data.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._data


class Settings(BaseSettings):
    """Arguments win over the environment, that over `.env`, that over the YAML file of `LLM_EDGE_CONFIG`, that over defaults.

    Raises SettingsError with every mistake found. `Settings.of` reads nothing but its arguments.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    environment: str = Field("dev", description="Name of the deployment, for logs and traces.")
    demo: bool = Field(False, description="Loopback, echo provider, records in memory; `serve --demo`.")
    insecure: bool = Field(False, description="Allow `auth.enabled: false` on any address; `serve --insecure`.")
    server: ServerSettings = Field(ServerSettings(), description="The listening side.")
    auth: AuthSettings = Field(AuthSettings(), description="Who may call.")
    stores: StoresSettings = Field(StoresSettings(), description="Where records, hot state and audit events live.")
    providers: dict[str, ProviderSettings] = Field({}, description="Upstreams by name; the first one gets unknown models.")
    models: dict[str, ModelSettings] = Field({}, description="Names and patterns that clients may use; empty: by name.")
    routing: RoutingSettings = Field(RoutingSettings(), description="What holds for models that don't say otherwise.")
    fetch: FetchSettings = Field(FetchSettings(), description="URLs in requests whose provider wants bytes.")
    cache: CacheSettings = Field(CacheSettings(), description="Exact answers served again.")
    responses: ResponsesSettings = Field(ResponsesSettings(), description="Answers of the Responses API that clients come back to.")
    limits: LimitsSettings = Field(LimitsSettings(), description="Rate limits.")
    budgets: BudgetsSettings = Field(BudgetsSettings(), description="Spending limits.")
    prices: dict[str, PriceSettings] = Field(
        {}, description="Own prices by model, or by `provider/model`, which wins; a list stands for its `rows`."
    )
    audit: AuditSettings = Field(AuditSettings(), description="The audit log.")
    masking: MaskingSettings = Field(MaskingSettings(), description="Personal data.")
    agents: AgentsSettings = Field(AgentsSettings(), description="Agents and their tools.")
    usage: UsageSettings = Field(UsageSettings(), description="The ledger of usage records.")
    idempotency: IdempotencySettings = Field(IdempotencySettings(), description="Requests with an `Idempotency-Key`.")
    telemetry: TelemetrySettings = Field(TelemetrySettings(), description="Logs, metrics, traces.")

    _reading: Reading = PrivateAttr(default_factory=Reading)

    def __init__(self, *, _read: Reading | None = None, _serving: bool = True, **values: Any) -> None:
        """`values`: sections as mappings or section objects. The underscored ones are for `load_settings`."""
        reading = _read if _read is not None else read_everything(values)
        problems = list(reading.problems)
        try:
            super().__init__(_build_sources=((_ReadSource(type(self), reading.layer.data),), {}))
        except ValidationError as exc:
            raise SettingsError(*problems, *problems_of(exc, type(self), reading)) from None
        self._reading = reading
        problems += [Problem(text, dotted(path), reading.layer.origin(path)) for path, text in broken_rules(self, serving=_serving)]
        if problems:
            raise SettingsError(*problems)

    @classmethod
    def of(cls, **values: Any) -> "Settings":
        """From the arguments alone: no environment, no file. For tests and embedding."""
        return cls(_read=read_everything(values, environ={}, dotenv=None))

    def not_yet(self) -> list[str]:
        """A line for everything that is configured but has no effect in this version; the server logs them at start."""
        return lines_of(self) + self._reading.without_effect

    def origin(self, path: Path) -> str:
        """Where the value at a path came from: `config.yaml:12:5`, `environment PORT`, `argument`, or `default`."""
        layer = self._reading.layer
        return layer.origin(path) if layer.holds(path) else "default"

    def where(self, path: Path) -> str:
        """As `origin`, but where nothing stands at the path itself: of what stands around it; "" for none."""
        return self._reading.layer.origin(path)

    @property
    def sources(self) -> Sources:
        """The files that it was read from."""
        return self._reading.sources

    @property
    def file(self) -> str | None:
        """Path of the YAML file."""
        return None if self._reading.file is None else str(self._reading.file)

    def digest(self) -> str:
        """16 hex digits that change whenever a setting does, secrets included; they give nothing away."""
        return hashlib.sha256(json.dumps(digestible(self.model_dump()), sort_keys=True).encode()).hexdigest()[:16]

    def timeouts_of(self, model: ModelSettings | None = None, provider: ProviderSettings | None = None) -> TimeoutSettings:
        """What binds a request: the model's own, else the provider's, else `routing.timeouts`, field by field."""
        return overlay_timeouts(self.routing.timeouts, provider.timeouts if provider else None, model.timeouts if model else None)

    def retries_of(self, model: ModelSettings | None = None) -> RetrySettings:
        return model.retries if model is not None and model.retries is not None else self.routing.retries

    def strategy_of(self, model: ModelSettings | None = None) -> str:
        return model.strategy if model is not None and model.strategy is not None else self.routing.strategy

    @property
    def spool_folder(self) -> Folder | None:
        """Where usage records wait for the record store; None: nowhere, for they are kept in memory or not at all."""
        if not self.usage.enabled:
            return None
        if self.usage.spool is not None:
            return Folder(self.usage.spool)
        if not self.stores.embedded_records:
            return Folder("llm-edge-spool")
        file = self.stores.sqlite_file
        return None if file is None else file.with_name(file.name + ".spool")

    @property
    def l2_url(self) -> str | None:
        """The Redis of the L2 cache (a URL or `embedded`); None: no L2."""
        cache = self.cache
        if not cache.enabled or cache.l2.enabled is False:
            return None
        return cache.l2.redis.get_secret_value() if cache.l2.redis is not None else self.stores.redis_url
