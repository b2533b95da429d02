"""Where AWS credentials come from: environment, shared files, web identity through STS, container endpoint, instance metadata.

Each source is a function that returns Credentials, or None where it is not set up, and raises CredentialsError where it is set up and
does not work: the next source is then not asked, as with AWS's own SDKs. Source: AWS SDKs and Tools Reference Guide, "Standardized
credential providers", read 2026-11-25. Not here: SSO, credential_process, roles assumed from another profile.
"""

import configparser
import re
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec

from proxy.transport.base import Header
from proxy.transport.sigv4 import Credentials

METADATA_TIMEOUT_S = 2.0
STS_TIMEOUT_S = 10.0
CONTAINER_ORIGIN = "http://169.254.170.2"
IMDS_ORIGIN = "http://169.254.169.254"
IMDS_ORIGIN_V6 = "http://[fd00:ec2::254]"
_CONTAINER_HOSTS = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost"})
"""Besides loopback addresses: the only hosts that credentials are fetched from without TLS."""
_IMDS_TOKEN_TTL_S = b"21600"
_ROLE_PATH = "/latest/meta-data/iam/security-credentials/"
_NOT_BUILT = ("sso_session", "sso_account_id", "credential_process", "source_profile", "credential_source", "login_session")

Environ = Mapping[str, str]


class CredentialsError(Exception):
    """No usable credentials; the message says which source failed and how, and holds no secret."""


class Fetch(Protocol):
    async def __call__(self, method: str, url: str, headers: tuple[Header, ...], body: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Status and body, directly and not through an outbound proxy. Raises OSError where there is no answer in time."""
        ...


class WebIdentity(msgspec.Struct, frozen=True, kw_only=True):
    token_file: str
    role_arn: str
    session_name: str | None = None


def from_environment(environ: Environ) -> Credentials | None:
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key:
        return None
    if not secret_key:
        raise CredentialsError("AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY")
    expiry = environ.get("AWS_CREDENTIAL_EXPIRATION")
    return Credentials(
        access_key=access_key,
        secret_key=secret_key,
        session_token=environ.get("AWS_SESSION_TOKEN") or environ.get("AWS_SECURITY_TOKEN") or None,
        expires_at=_instant(expiry, "AWS_CREDENTIAL_EXPIRATION") if expiry else None,
    )


def read_profile(environ: Environ) -> dict[str, str]:
    """The settings of AWS_PROFILE (`default` where unset) in the config and credentials files; the latter wins. Reads files.

    Raises CredentialsError where AWS_PROFILE names one that is in neither, or a file can't be parsed.
    """
    name = environ.get("AWS_PROFILE") or "default"
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    config = _sections(environ.get("AWS_CONFIG_FILE"), home, "config")
    credentials = _sections(environ.get("AWS_SHARED_CREDENTIALS_FILE"), home, "credentials")
    found = [section for section in (config.get(f"profile {name}"), credentials.get(name)) if section is not None]
    if name == "default" and "default" in config:
        found.insert(0, config["default"])
    if not found and environ.get("AWS_PROFILE"):
        raise CredentialsError(f"AWS_PROFILE names {name!r}, which is in neither the config nor the credentials file")
    return {key: value for section in found for key, value in section.items()}


def from_profile(profile: Mapping[str, str]) -> Credentials | None:
    access_key, secret_key = profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")
    if access_key and secret_key:
        return Credentials(access_key=access_key, secret_key=secret_key, session_token=profile.get("aws_session_token") or None)
    if access_key or secret_key:
        raise CredentialsError("the AWS profile has one of aws_access_key_id and aws_secret_access_key without the other")
    for setting in _NOT_BUILT:
        if setting in profile:
            raise CredentialsError(f"the AWS profile uses {setting}, which is not supported: export keys, or use a role of the machine")
    return None


def web_identity(environ: Environ, profile: Mapping[str, str]) -> WebIdentity | None:
    """What the environment, else the profile, says of a role to assume with a token file."""
    token_file = environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") or profile.get("web_identity_token_file")
    if not token_file:
        return None
    role_arn = environ.get("AWS_ROLE_ARN") or profile.get("role_arn")
    if not role_arn:
        raise CredentialsError("a web identity token file is configured without a role: set AWS_ROLE_ARN")
    name = environ.get("AWS_ROLE_SESSION_NAME") or profile.get("role_session_name")
    return WebIdentity(token_file=token_file, role_arn=role_arn, session_name=name)


async def from_web_identity(fetch: Fetch, identity: WebIdentity, token: str, *, endpoint: str, now: float) -> Credentials:
    """AssumeRoleWithWebIdentity. `token`: the file's content. `endpoint`: STS's URL. The call is not signed: the token is the proof."""
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": identity.role_arn,
        "RoleSessionName": identity.session_name or f"llm-edge-{int(now)}",
        "WebIdentityToken": token.strip(),
    }
    headers = ((b"content-type", b"application/x-www-form-urlencoded"),)
    status, body = await _fetch(fetch, "STS", "POST", endpoint, headers, urlencode(form).encode(), STS_TIMEOUT_S)
    text = body.decode("utf-8", "replace")
    if status != 200:
        raise CredentialsError(f"STS answered {status}: {_element(text, 'Code') or 'no code'}")
    values = [_element(text, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")]
    if None in values:
        raise CredentialsError("STS's answer has no credentials")
    access_key, secret_key, session_token, expiry = (value or "" for value in values)
    return Credentials(
        access_key=access_key, secret_key=secret_key, session_token=session_token, expires_at=_instant(expiry, "STS's Expiration")
    )


def sts_endpoint(environ: Environ, region: str) -> str:
    own = environ.get("AWS_ENDPOINT_URL_STS") or environ.get("AWS_ENDPOINT_URL")
    return own or f"https://sts.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}/"


def container_url(environ: Environ) -> str | None:
    """Raises CredentialsError for a full URI that is neither https nor on this machine or its metadata addresses."""
    relative = environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    if relative:
        if not relative.startswith("/"):
            raise CredentialsError("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash")
        return CONTAINER_ORIGIN + relative
    full = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not full:
        return None
    try:
        parts = urlsplit(full)
    except ValueError as exc:
        raise CredentialsError("AWS_CONTAINER_CREDENTIALS_FULL_URI is not a URL") from exc
    host = parts.hostname or ""
    if parts.scheme != "https" and not (parts.scheme == "http" and (host in _CONTAINER_HOSTS or _is_loopback(host))):
        raise CredentialsError(f"AWS_CONTAINER_CREDENTIALS_FULL_URI: {host!r} is not https, loopback or a container metadata address")
    return full


def container_token(environ: Environ) -> str | None:
    """The Authorization of the container endpoint. Reads the token file: it is rotated, so anew for every fetch."""
    path = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    token = read_text(path) if path else environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    if token and ("\r" in token or "\n" in token):
        raise CredentialsError("the container authorization token has a line break")
    return token or None


async def from_container(fetch: Fetch, url: str, token: str | None) -> Credentials:
    headers: tuple[Header, ...] = ((b"accept", b"application/json"),)
    if token is not None:
        headers += ((b"authorization", token.encode()),)
    status, body = await _fetch(fetch, "the container endpoint", "GET", url, headers, b"", METADATA_TIMEOUT_S)
    if status != 200:
        raise CredentialsError(f"the container endpoint answered {status}")
    return _from_json(body, "the container endpoint")


def imds_origin(environ: Environ) -> str | None:
    """None: switched off."""
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    own = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    v6 = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "").lower() == "ipv6"
    return own.rstrip("/") if own else IMDS_ORIGIN_V6 if v6 else IMDS_ORIGIN


async def from_imds(fetch: Fetch, origin: str) -> Credentials:
    """EC2 instance metadata, version 2 only: a token by PUT, the role's name, its credentials."""
    ttl = ((b"x-aws-ec2-metadata-token-ttl-seconds", _IMDS_TOKEN_TTL_S),)
    token = await _imds(fetch, "PUT", origin + "/latest/api/token", ttl)
    headers = ((b"x-aws-ec2-metadata-token", token.strip()),)
    roles = (await _imds(fetch, "GET", origin + _ROLE_PATH, headers)).decode("utf-8", "replace").split()
    if not roles:
        raise CredentialsError("instance metadata: the machine has no role")
    return _from_json(await _imds(fetch, "GET", origin + _ROLE_PATH + roles[0], headers), "instance metadata")


def read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise CredentialsError(f"{path}: {exc}") from exc


async def _imds(fetch: Fetch, method: str, url: str, headers: tuple[Header, ...]) -> bytes:
    status, body = await _fetch(fetch, "instance metadata", method, url, headers, b"", METADATA_TIMEOUT_S)
    if status != 200:
        raise CredentialsError(f"instance metadata answered {status} to {method} {urlsplit(url).path}")
    return body


async def _fetch(
    fetch: Fetch, what: str, method: str, url: str, headers: tuple[Header, ...], body: bytes, timeout_s: float
) -> tuple[int, bytes]:
    try:
        return await fetch(method, url, headers, body, timeout_s)
    except OSError as exc:
        raise CredentialsError(f"{what} gives no answer: {exc}") from exc


def _from_json(body: bytes, what: str) -> Credentials:
    try:
        answer: Any = msgspec.json.decode(body)
        if not isinstance(answer, dict):
            raise CredentialsError(f"{what} answered with no object")
        if answer.get("Code", "Success") != "Success":
            raise CredentialsError(f"{what}: {str(answer['Code'])[:100]}")
        expiry = answer.get("Expiration")
        return Credentials(
            access_key=_text(answer["AccessKeyId"]),
            secret_key=_text(answer["SecretAccessKey"]),
            session_token=_text(answer["Token"]) if answer.get("Token") is not None else None,
            expires_at=_instant(_text(expiry), f"{what}'s Expiration") if expiry is not None else None,
        )
    except KeyError as exc:
        raise CredentialsError(f"{what}'s answer has no {exc.args[0]}") from exc
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError) as exc:
        raise CredentialsError(f"{what}'s answer can't be read") from exc


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("not a text")
    return value


def _element(xml: str, name: str) -> str | None:
    """Text of STS's flat elements, whose values need no unescaping; a parser of XML would be a parser to attack."""
    found = re.search(rf"<{name}>([^<&]{{1,20000}})</{name}>", xml)
    return found[1].strip() if found else None


def _instant(text: str, what: str) -> float:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as exc:
        raise CredentialsError(f"{what} is no ISO 8601 time") from exc
    if when.tzinfo is None:
        raise CredentialsError(f"{what} has no time zone")
    return when.timestamp()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _sections(path: str | None, home: str, name: str) -> dict[str, dict[str, str]]:
    file = Path(path.replace("~", home, 1) if path.startswith("~/") else path) if path else Path(home or ".") / ".aws" / name
    if not file.is_file():
        return {}
    parser = configparser.RawConfigParser(default_section="-", strict=False)
    try:
        parser.read_string(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError, configparser.Error) as exc:
        # A parser's message quotes the line, which may be a secret.
        raise CredentialsError(f"{file} can't be read: {type(exc).__name__}") from None
    return {re.sub(r"\s+", " ", section): dict(parser[section]) for section in parser.sections()}
