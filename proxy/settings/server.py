"""`server`: the listening side, its caps and its time-outs."""

import ipaddress
from pathlib import Path

from pydantic import Field, field_validator

from proxy.settings.base import Count, NonNegative, Port, Positive, Section, Strings


class BodyCaps(Section):
    models: Positive = Field(32, description="Cap of a request body on model routes, before and after decompression, in MiB.")
    admin: Positive = Field(1, description="The same on all other routes, in MiB.")


class CorsSettings(Section):
    origins: Strings = Field((), description="Origins that browsers may call from (`*`: any). Empty: no CORS headers at all.")
    max_age_s: int = Field(600, ge=0, description="How long a browser may keep a preflight answer, in seconds.")


class TlsSettings(Section):
    enabled: bool = Field(True, description="Whether a configured certificate is used; `ENABLE_TLS=false` serves plain HTTP.")
    cert: Path | None = Field(None, description="PEM file with the certificate and its chain.")
    key: Path | None = Field(None, description="PEM file with the private key.")


class SheddingSettings(Section):
    """Refusing new requests with 503 while the gateway itself cannot keep up."""

    enabled: bool = Field(True, description="Whether it does.")
    lag_ms: Positive = Field(250, description="Lateness of the event loop from which fewer requests are let in, in milliseconds.")
    min_in_flight: Count = Field(32, description="So many requests at the same time a worker always lets in.")
    max_in_flight: Count | None = Field(None, description="More than this a worker never lets in; null: unbounded.")


class ServerSettings(Section):
    """Where the gateway listens and what it bears."""

    host: str = Field("0.0.0.0", min_length=1, description="Address to bind.")  # noqa: S104 - a gateway is there to be reached
    port: Port = Field(8080, description="TCP port; 0 takes a free one.")
    metrics_port: Port | None = Field(9090, description="TCP port of the second `/metrics`; null: none.")
    workers: int = Field(1, ge=1, le=256, description="Worker processes; more than one needs `stores.redis`.")
    max_body_mb: BodyCaps = Field(BodyCaps(), description="Caps of request bodies.")
    max_response_mb: Positive = Field(64, description="Cap of an upstream's non-streamed answer after decompression, in MiB.")
    max_json_depth: Count = Field(128, description="Deepest nesting of a JSON body, in levels; more is 400.")
    trusted_proxies: Strings = Field((), description="Addresses or CIDR ranges whose X-Forwarded-For is believed.")
    public_hosts: Strings = Field((), description="Host names by which clients reach the gateway, for signed AWS requests.")
    cors: CorsSettings = Field(CorsSettings(), description="Calls from browsers.")
    tls: TlsSettings = Field(TlsSettings(), description="HTTPS on the listening side.")
    watch_config: bool = Field(
        True,
        description="Reload when the configuration file, `.env`, or a file that they name (`file:`, certificates) changes on the disk.",
    )
    drain_delay_s: NonNegative = Field(5, description="After SIGTERM: how long readiness says 503 while still accepting, in seconds.")
    grace_s: NonNegative = Field(30, description="Then: how long requests in flight may go on, in seconds.")
    keepalive_after_s: Positive = Field(15, description="Silence of an upstream after which a stream gets a keep-alive, in seconds.")
    header_timeout_s: Positive = Field(10, description="A client must have sent its request's headers by then, in seconds.")
    body_stall_s: Positive = Field(30, description="A client that sends no byte of its body for so long is dropped, in seconds.")
    reader_stall_s: Positive = Field(30, description="A client that reads no byte of its answer for so long is dropped, in seconds.")
    idle_s: Positive = Field(75, description="An idle keep-alive connection is closed after this time, in seconds.")
    shedding: SheddingSettings = Field(SheddingSettings(), description="Load shedding.")
    body_metadata: bool = Field(True, description="Splice `metadata` into OpenAI chat answers.")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            try:
                ipaddress.ip_network(item, strict=False)
            except ValueError as exc:
                raise ValueError("each must be an IP address or a CIDR range") from exc
        return value

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach `host`."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
