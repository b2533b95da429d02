"""`telemetry`: logs, metrics, traces."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from proxy.settings.base import HttpUrl, Section

_LEVELS = {"trace": "debug", "warn": "warning", "fatal": "critical", "off": "critical"}


def _level(value: Any) -> Any:
    """Also takes Rust's filter form: of `info,tower=debug` the bare word counts."""
    if value is False:
        return "critical"
    if not isinstance(value, str):
        return value
    words = [word.strip().lower() for word in value.split(",") if "=" not in word]
    word = words[0] if words else "info"
    return _LEVELS.get(word, word)


class TracingSettings(Section):
    enabled: bool = Field(True, description="Export spans when there is an endpoint.")
    endpoint: HttpUrl | None = Field(None, description="OTLP endpoint; null: nothing is exported.")
    service_name: str = Field("llm-edge", min_length=1, description="`service.name` of the spans.")
    sample_ratio: float = Field(1.0, ge=0, le=1, description="Share of traces that are sampled where the caller did not decide.")


class TelemetrySettings(Section):
    log_level: Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_level)] = Field(
        "info", description="Least severe level that is logged."
    )
    access_log: bool = Field(True, description="One log line a request.")
    metrics: bool = Field(True, description="Serve `/metrics`.")
    tracing: TracingSettings = Field(TracingSettings(), description="OpenTelemetry.")
