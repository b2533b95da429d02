"""`auth.jwt`: whose JSON web tokens are believed, and what they say."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from proxy.settings.base import HttpUrl, Positive, Section, Strings, split_list
from proxy.settings.scope import Scope

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
"""With public keys only: with a shared secret whoever can verify a token can make one."""
ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
ClaimField = Literal["tenant", "user", "service", "role", "team", "project", "scopes", "groups", "models", "agents", "client"]
GATEWAY_ADMIN = "gateway_admin"
"""In `roles`: an administrator of the whole gateway; `admin` is one of the token's tenant."""


class JwtSettings(Section):
    """One issuer of JSON web tokens."""

    issuer: str = Field(min_length=1, description="Value of `iss`, exactly.")
    audience: Strings = Field(description="Values of `aud` that are taken, any of them; `*`: not checked.")
    audience_claim: str = Field("aud", min_length=1, description="The claim that holds it: Cognito's access tokens have `client_id`.")
    jwks_url: HttpUrl | None = Field(None, description="Where the signing keys are; null: from the issuer's discovery document.")
    ca_file: Path | None = Field(None, description="PEM bundle of authorities for the issuer's TLS; null: the system's.")
    allow_http: bool = Field(False, description="Whether keys may be fetched without TLS from other than a loopback address.")
    algorithms: Annotated[tuple[Algorithm, ...], BeforeValidator(split_list)] = Field(
        ALGORITHMS, min_length=1, description="Signatures that are taken."
    )
    types: Strings = Field(("JWT", "at+jwt"), description="Values of the header's `typ` that are taken; a token without one is, too.")
    claims: dict[ClaimField, str] = Field(
        {}, description="Our field (`tenant`, `role`, …) → claim that holds it: a name, or a dotted path."
    )
    required: dict[str, Strings] = Field({}, description="Claims that a token must have, each with the values one of which it must hold.")
    tenant: str | None = Field(None, min_length=1, description="Tenant of tokens that name none; null: with `claims.tenant` refused.")
    tenants: Strings = Field((), description="Tenants that tokens may name; empty: any.")
    roles: dict[str, str] = Field({}, description="A token's role, group or scope → role; the first that fits counts, else `client`.")
    scopes: dict[str, Scope] = Field({}, description="A token's scope or group → scope of the gateway's; others grant nothing.")
    services: dict[str, Strings] = Field(
        {}, description="Client id of a service → service ids that its tokens may name in `X-Service-ID`; `*`: any."
    )
    leeway_s: float = Field(30, ge=0, le=300, description="By how much clocks may differ, in seconds.")
    jwks_refresh_s: Positive = Field(300, description="How often the keys are fetched anew, in seconds.")
    jwks_min_refresh_s: Positive = Field(10, description="How often at most because of tokens with unknown keys, in seconds.")

    @field_validator("audience")
    @classmethod
    def _somebody(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("names nobody: set it (for Cognito COGNITO_USER_CLIENT_ID or COGNITO_M2M_CLIENT_ID), or `*` for any")
        return value
