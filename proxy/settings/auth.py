"""`auth`: who may call."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from proxy.core.identity import BUILT_IN_ROLES
from proxy.settings.base import Count, NonNegative, SecretList, Section, split_list
from proxy.settings.jwt import JwtSettings
from proxy.settings.scope import Scope

_KNOWN_BAD = "change-me-to-strong-secret"
MIN_SECRET_BYTES = 32


class RoleSettings(Section):
    """A role beside admin, developer and client."""

    scopes: Annotated[tuple[Scope, ...], BeforeValidator(split_list)] = Field(description="What it may do (docs/identity.md).")


class AuthSettings(Section):
    enabled: bool = Field(True, description="Off only on a loopback address or with `--insecure`.")
    signing_secret: SecretStr | None = Field(
        None, description="Key of the HMAC in signed keys, at least 32 bytes; null: generated into an embedded record store."
    )
    previous_signing_secret: SecretStr | None = Field(
        None, description="The secret before it: its keys stay good while it is set, and no new ones are made with it."
    )
    roles: dict[str, RoleSettings] = Field({}, description="Roles of your own, by name.")
    static_keys: SecretList = Field((), description="Client keys, each plain or as hex SHA-256; a member may be a comma list.")
    static_scopes: Annotated[tuple[Scope, ...], BeforeValidator(split_list)] = Field(
        (), description="Scopes of every static client key; the admin key has all of them."
    )
    admin_key: SecretStr | None = Field(None, description="A key with role admin that may call everything, plain or as hex SHA-256.")
    health_check: bool = Field(False, description="Whether health routes and `/metrics` need a key too.")
    key_cache_ttl_s: NonNegative = Field(10, description="How long a looked-up key is believed (so a revocation may take), in seconds.")
    key_cache_size: Count = Field(10_000, description="How many looked-up keys a worker remembers.")
    plan_keys: bool = Field(
        False,
        description="Whether a key whose SHA-256 is that of a usage plan (as the AWS lab makes them) is good; unknown keys cost a look-up.",
    )
    plans_needed: bool = Field(
        False,
        description="Whether keys of the settings, too, are refused (503) until their usage plans could be read once; else they are served "
        "without plans until the record store answers.",
    )
    jwt: tuple[JwtSettings, ...] = Field((), description="Issuers of JSON web tokens.")
    token_cache_ttl_s: NonNegative = Field(300, description="How long a verified token is believed without another look, in seconds.")
    local_user: str | None = Field(
        None, min_length=1, description="User of requests without a key; on a loopback address or with `--insecure` only."
    )

    @field_validator("roles")
    @classmethod
    def _own_names(cls, value: dict[str, RoleSettings]) -> dict[str, RoleSettings]:
        for name in value:
            if name in BUILT_IN_ROLES:
                raise ValueError(f"{name} is built in and cannot be redefined; take another name")
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", name):
                raise ValueError(f"{name[:64]!r}: a role's name is a letter and up to 63 letters, digits, - _ .")
        return value

    @field_validator("signing_secret", "previous_signing_secret")
    @classmethod
    def _strong(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        text = value.get_secret_value()
        if text == _KNOWN_BAD:
            raise ValueError(f"the published value {_KNOWN_BAD} is refused; make one with `openssl rand -hex 32`")
        if len(text.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"shorter than {MIN_SECRET_BYTES} bytes; make one with `openssl rand -hex 32`")
        return value
