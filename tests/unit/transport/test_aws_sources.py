"""Each source of AWS credentials; what needs an endpoint asks a real one on the loopback address."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from proxy.transport.aws_credentials import TransportFetch
from proxy.transport.aws_sources import (
    CredentialsError,
    Fetch,
    WebIdentity,
    container_token,
    container_url,
    from_container,
    from_environment,
    from_imds,
    from_profile,
    from_web_identity,
    imds_origin,
    read_profile,
    read_text,
    sts_endpoint,
    web_identity,
)
from proxy.transport.http1 import Http1Transport
from tests.support.upstream import Call, Upstream

KEYS = {"AccessKeyId": "ASIA1", "SecretAccessKey": "hush", "Token": "tok", "Expiration": "2026-11-25T18:00:00Z"}
EXPIRY = 1_795_629_600.0
STS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<Credentials><AccessKeyId>ASIA2</AccessKeyId><SecretAccessKey>hush/+=</SecretAccessKey><SessionToken>tok/+=</SessionToken>
<Expiration>2026-11-25T18:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
DENIED = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized</Message></Error></ErrorResponse>"


@pytest.fixture
async def fetch() -> AsyncIterator[Fetch]:
    transport = Http1Transport()
    yield TransportFetch(transport)
    await transport.aclose()


def answering(status: int, body: Any) -> Any:
    async def handle(call: Call) -> None:
        await call.answer(status, body)

    return handle


def files(tmp_path: Path, *, config: str = "", credentials: str = "", **more: str) -> dict[str, str]:
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "config").write_text(config)
    (folder / "credentials").write_text(credentials)
    return {"HOME": str(tmp_path), **more}


def test_environment() -> None:
    """Keys, token and expiry by their names; the old name of the token serves too; unset is None."""
    assert from_environment({}) is None
    found = from_environment({"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SECURITY_TOKEN": "t"})
    assert found is not None
    assert (found.access_key, found.secret_key, found.session_token, found.expires_at) == ("AKIA", "s", "t", None)
    expiring = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_CREDENTIAL_EXPIRATION": "2026-11-25T18:00:00Z"}
    found = from_environment(expiring)
    assert found is not None
    assert found.expires_at == EXPIRY


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_SECRET_ACCESS_KEY": "s", "AWS_CREDENTIAL_EXPIRATION": "soon"}, "ISO 8601"),
        ({"AWS_SECRET_ACCESS_KEY": "s", "AWS_CREDENTIAL_EXPIRATION": "2026-11-25T18:00:00"}, "time zone"),
    ],
)
def test_half_an_environment_is_an_error(more: dict[str, str], says: str) -> None:
    """It does not fall through to another identity."""
    with pytest.raises(CredentialsError, match=says):
        from_environment({"AWS_ACCESS_KEY_ID": "AKIA", **more})


def test_profiles(tmp_path: Path) -> None:
    """The default or the named one; the credentials file wins over the config file, whose sections say `profile`."""
    environ = files(
        tmp_path,
        config="[default]\nregion = eu-west-1\ns3 =\n  max_queue = 1\n[profile  dev]\naws_access_key_id = A\naws_secret_access_key = B%C\n",
        credentials="[default]\naws_access_key_id = D\naws_secret_access_key = E\naws_session_token = F\n[dev]\naws_access_key_id = G\n",
    )
    default = from_profile(read_profile(environ))
    assert default is not None
    assert (default.access_key, default.secret_key, default.session_token) == ("D", "E", "F")
    dev = from_profile(read_profile({**environ, "AWS_PROFILE": "dev"}))
    assert dev is not None
    assert (dev.access_key, dev.secret_key, dev.session_token) == ("G", "B%C", None)


def test_own_places_of_the_files(tmp_path: Path) -> None:
    """AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, also with a tilde."""
    (tmp_path / "c").write_text("[default]\nregion = x\n")
    (tmp_path / "k").write_text("[default]\naws_access_key_id = A\naws_secret_access_key = B\n")
    environ = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "c"), "AWS_SHARED_CREDENTIALS_FILE": "~/k"}
    assert read_profile(environ) == {"region": "x", "aws_access_key_id": "A", "aws_secret_access_key": "B"}


def test_no_files_are_no_profile(tmp_path: Path) -> None:
    """Nothing is found, unless AWS_PROFILE asked for something."""
    assert read_profile({"HOME": str(tmp_path)}) == {}
    assert from_profile({}) is None
    with pytest.raises(CredentialsError, match="'prod'"):
        read_profile({"HOME": str(tmp_path), "AWS_PROFILE": "prod"})


def test_a_broken_file_is_named_and_not_quoted(tmp_path: Path) -> None:
    """Its lines may be secrets."""
    environ = files(tmp_path, credentials="aws_secret_access_key = hush\n")
    with pytest.raises(CredentialsError) as caught:
        read_profile(environ)
    assert "credentials" in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ({"aws_access_key_id": "A"}, "without the other"),
        ({"sso_session": "corp"}, "sso_session"),
        ({"role_arn": "arn:x", "source_profile": "base"}, "source_profile"),
        ({"credential_process": "/bin/x"}, "credential_process"),
    ],
)
def test_profiles_that_do_not_work(profile: dict[str, str], says: str) -> None:
    """What is not supported is said, rather than passed over for another identity."""
    with pytest.raises(CredentialsError, match=says):
        from_profile(profile)


def test_web_identity_settings() -> None:
    """From the environment, else the profile; a token without a role is an error."""
    assert web_identity({}, {}) is None
    environ = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "arn:r", "AWS_ROLE_SESSION_NAME": "n"}
    assert web_identity(environ, {}) == WebIdentity(token_file="/t", role_arn="arn:r", session_name="n")
    assert web_identity({}, {"web_identity_token_file": "/p", "role_arn": "arn:p"}) == WebIdentity(token_file="/p", role_arn="arn:p")
    with pytest.raises(CredentialsError, match="AWS_ROLE_ARN"):
        web_identity({"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}, {})


@pytest.mark.parametrize(
    ("environ", "region", "url"),
    [
        ({}, "eu-west-1", "https://sts.eu-west-1.amazonaws.com/"),
        ({}, "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn/"),
        ({"AWS_ENDPOINT_URL": "http://a"}, "x", "http://a"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_STS": "http://b"}, "x", "http://b"),
    ],
)
def test_sts_endpoint(environ: dict[str, str], region: str, url: str) -> None:
    """Regional, or as the environment says."""
    assert sts_endpoint(environ, region) == url


async def test_web_identity_through_sts(fetch: Fetch) -> None:
    """The token goes in the form, the four values come out of the XML."""
    async with Upstream() as sts:
        sts.on(answering(200, STS.encode()))
        identity = WebIdentity(token_file="-", role_arn="arn:aws:iam::1:role/r")
        found = await from_web_identity(fetch, identity, "ey.J\n", endpoint=sts.url, now=5.0)
        assert (found.access_key, found.secret_key, found.session_token, found.expires_at) == ("ASIA2", "hush/+=", "tok/+=", EXPIRY)
        (call,) = sts.calls
        form = {name: value[0] for name, value in parse_qs(call.body.decode()).items()}
        assert form == {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": "arn:aws:iam::1:role/r",
            "RoleSessionName": "llm-edge-5",
            "WebIdentityToken": "ey.J",
        }


@pytest.mark.parametrize(
    ("status", "body", "says"), [(403, DENIED, "403: AccessDenied"), (500, "", "500: no code"), (200, "<a/>", "no credentials")]
)
async def test_sts_refuses(fetch: Fetch, status: int, body: str, says: str) -> None:
    """STS's own code is in the message."""
    async with Upstream() as sts:
        sts.on(answering(status, body.encode()))
        with pytest.raises(CredentialsError, match=says):
            await from_web_identity(fetch, WebIdentity(token_file="-", role_arn="r"), "t", endpoint=sts.url, now=5.0)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/x",
        "http://127.8.8.8/x",
        "http://[::1]:9/x",
        "http://localhost/x",
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/v1/credentials",
        "https://credentials.example/x",
    ],
)
def test_container_addresses_that_are_allowed(url: str) -> None:
    """TLS, this machine, or the metadata addresses of ECS and EKS."""
    assert container_url({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/x",
        "http://169.254.169.254/x",
        "http://localhost.example/x",
        "http://169.254.170.2@evil.example/",
        "http://[::ffff:10.0.0.1]/",
        "ftp://localhost/x",
        "file:///etc/passwd",
        "x",
        "http://[",
    ],
)
def test_container_addresses_that_are_refused(url: str) -> None:
    """The environment must not make the gateway send its token to anybody in the clear."""
    with pytest.raises(CredentialsError, match="AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        container_url({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url})


def test_container_relative_uri() -> None:
    """On ECS's address, and before a full URI; it cannot change the host."""
    environ = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/c?id=1", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://x"}
    assert container_url(environ) == "http://169.254.170.2/v2/c?id=1"
    assert container_url({}) is None
    with pytest.raises(CredentialsError, match="slash"):
        container_url({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "@evil.example/"})


def test_container_token(tmp_path: Path) -> None:
    """The file wins; line breaks would make two headers of it."""
    file = tmp_path / "token"
    file.write_text("from file")
    assert container_token({}) is None
    assert container_token({"AWS_CONTAINER_AUTHORIZATION_TOKEN": "plain"}) == "plain"
    both = {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "plain", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file)}
    assert container_token(both) == "from file"
    with pytest.raises(CredentialsError, match="line break"):
        container_token({"AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\r\nb: c"})


async def test_container_endpoint(fetch: Fetch) -> None:
    """Its JSON becomes credentials; the token is sent as it is."""
    async with Upstream() as endpoint:
        endpoint.on(answering(200, KEYS))
        found = await from_container(fetch, endpoint.url + "/v1/credentials", "Basic x")
        assert (found.access_key, found.secret_key, found.session_token, found.expires_at) == ("ASIA1", "hush", "tok", EXPIRY)
        await from_container(fetch, endpoint.url, None)
        assert [call.headers.get("authorization") for call in endpoint.calls] == ["Basic x", None]


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, {}, "answered 404"),
        (200, [], "no object"),
        (200, b"{", "can't be read"),
        (200, {**KEYS, "AccessKeyId": 5}, "can't be read"),
        (200, {"AccessKeyId": "A"}, "no SecretAccessKey"),
        (200, {"Code": "AssumeRoleUnauthorizedAccess", "Message": "m"}, "AssumeRoleUnauthorizedAccess"),
        (200, {**KEYS, "Expiration": "never"}, "ISO 8601"),
    ],
)
async def test_container_answers_that_are_none(fetch: Fetch, status: int, body: Any, says: str) -> None:
    """Anything but a whole set of credentials is an error that says what is wrong."""
    async with Upstream() as endpoint:
        endpoint.on(answering(status, body))
        with pytest.raises(CredentialsError, match=says):
            await from_container(fetch, endpoint.url, None)


@pytest.mark.parametrize(
    ("environ", "origin"),
    [
        ({}, "http://169.254.169.254"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, "http://[fd00:ec2::254]"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1/"}, "http://127.0.0.1:1"),
        ({"AWS_EC2_METADATA_DISABLED": "True"}, None),
    ],
)
def test_imds_origin(environ: Mapping[str, str], origin: str | None) -> None:
    """The usual address, or what the environment says; it can be switched off."""
    assert imds_origin(environ) == origin


def imds(role: bytes = b"my-role") -> Any:
    async def handle(call: Call) -> None:
        if call.path == "/latest/api/token":
            ok = call.method == "PUT" and call.headers.get("x-aws-ec2-metadata-token-ttl-seconds") == "21600"
            await call.answer(200 if ok else 400, b"imds-token")
        elif call.headers.get("x-aws-ec2-metadata-token") != "imds-token":
            await call.answer(401, b"")
        elif call.path == "/latest/meta-data/iam/security-credentials/":
            await call.answer(200, role)
        elif call.path.endswith("/my-role"):
            await call.answer(200, json.dumps({"Code": "Success", "Type": "AWS-HMAC", **KEYS}).encode())
        else:
            await call.answer(404, b"")

    return handle


async def test_instance_metadata(fetch: Fetch) -> None:
    """Token, role, credentials: version 2 only."""
    async with Upstream() as server:
        server.on(imds())
        assert (await from_imds(fetch, server.url)).access_key == "ASIA1"


@pytest.mark.parametrize(("role", "says"), [(b"", "no role"), (b"other", "answered 404 to GET")])
async def test_instance_without_a_role(fetch: Fetch, role: bytes, says: str) -> None:
    """The message says that it was asked and what it said."""
    async with Upstream() as server:
        server.on(imds(role))
        with pytest.raises(CredentialsError, match=says):
            await from_imds(fetch, server.url)


async def test_nobody_answers(fetch: Fetch) -> None:
    """No instance metadata on this machine: an error like any other."""
    async with Upstream() as server:
        url = server.url
    with pytest.raises(CredentialsError, match="instance metadata gives no answer"):
        await from_imds(fetch, url)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, or not UTF-8: an error with the path."""
    with pytest.raises(CredentialsError, match="nothing"):
        read_text(str(tmp_path / "nothing"))
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(CredentialsError, match="binary"):
        read_text(str(tmp_path / "binary"))
