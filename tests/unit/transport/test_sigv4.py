"""Requests signed for AWS, against botocore's own signer."""

import datetime
import re
from unittest import mock
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.transport.base import Header
from proxy.transport.sigv4 import Credentials, authority, canonical_path, canonical_query, sign, timestamp, without_dots

NOW = 1_795_625_810.0
KEYS = Credentials(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
MODELS = [
    "anthropic.claude-3-5-sonnet-20240620-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
    "us.amazon.nova-pro-v1:0",
]

names = st.from_regex(re.compile(r"[A-Za-z][A-Za-z0-9-]{0,20}"), fullmatch=True).filter(
    lambda name: name.lower() not in ("authorization", "date", "host", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token")
)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
headers = st.lists(st.tuples(names, values), max_size=5)
segments = st.one_of(st.sampled_from([*MODELS, "model", "converse", "..", ".", "", "~a_b-c.d"]), st.text(max_size=12))
paths = st.lists(segments.map(lambda text: quote(text, safe="")), max_size=5).map(lambda parts: "/" + "/".join(parts))
queries = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=4).map(
    lambda pairs: "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
)


def by_botocore(
    method: str, url: str, given_headers: list[tuple[str, str]], body: bytes, keys: Credentials, region: str, service: str
) -> dict[bytes, bytes]:
    request = AWSRequest(method=method, url=url, data=body)
    for name, value in given_headers:
        request.headers.add_header(name, value)
    credentials = ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.session_token)
    now = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=now):
        botocore.auth.SigV4Auth(credentials, service, region).add_auth(request)
    added = ("authorization", "x-amz-date", "x-amz-security-token")
    return {name.lower().encode(): value.encode() for name, value in request.headers.items() if name.lower() in added}


def raw(pairs: list[tuple[str, str]]) -> list[Header]:
    return [(name.encode(), value.encode()) for name, value in pairs]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    origin=st.sampled_from([HOST, "http://localhost:4566", "https://[::1]:8443", "https://Example.COM:443", "http://h:80"]),
    path=paths,
    query=queries,
    given_headers=headers,
    body=st.binary(max_size=40),
    token=st.one_of(st.none(), st.just("IQoJb3JpZ2luX2VjE//+token==")),
    region=st.sampled_from(["us-east-1", "eu-central-1"]),
    service=st.sampled_from(["bedrock", "sts"]),
)
def test_signs_as_botocore_does(
    method: str,
    origin: str,
    path: str,
    query: str,
    given_headers: list[tuple[str, str]],
    body: bytes,
    token: str | None,
    region: str,
    service: str,
) -> None:
    """Any method, path, query, headers and body: the headers added are botocore's, byte for byte."""
    keys = Credentials(access_key=KEYS.access_key, secret_key=KEYS.secret_key, session_token=token)
    url = f"{origin}{path}?{query}" if query else origin + path
    added = sign(method, url, raw(given_headers), body, keys, region=region, service=service, now=NOW)
    assert dict(added) == by_botocore(method, url, given_headers, body, keys, region, service)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("safe", ["", ":"])
def test_model_ids_in_the_path(model: str, safe: str) -> None:
    """Percent-encoded or with a bare colon: signed as it is on the wire, encoded once more."""
    url = f"{HOST}/model/{quote(model, safe=safe)}/converse-stream"
    content = [("Content-Type", "application/json")]
    added = sign("POST", url, raw(content), b"{}", KEYS, region="us-east-1", service="bedrock", now=NOW)
    assert dict(added) == by_botocore("POST", url, content, b"{}", KEYS, "us-east-1", "bedrock")


def test_an_encoded_path_is_encoded_once_more() -> None:
    """The percent sign of the wire's form is itself encoded; a bare colon is encoded once."""
    assert canonical_path(b"/model/a%3A0") == "/model/a%253A0"
    assert canonical_path(b"/model/a:0") == "/model/a%3A0"


def test_the_payload_hash_is_sent_and_signed_where_asked() -> None:
    """x-amz-content-sha256 stands among the signed headers, as botocore signs it when a caller set it."""
    added = dict(sign("POST", HOST + "/", (), b"x", KEYS, region="r", service="bedrock", now=NOW, content_sha256=True))
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert added.pop(b"x-amz-content-sha256") == digest.encode()
    assert added == by_botocore("POST", HOST + "/", [("X-Amz-Content-SHA256", digest)], b"x", KEYS, "r", "bedrock")


def test_example_of_the_documentation() -> None:
    """`get-vanilla` of AWS's published Signature Version 4 test suite."""
    when = datetime.datetime(2015, 8, 30, 12, 36, tzinfo=datetime.UTC).timestamp()
    added = dict(sign("GET", "https://example.amazonaws.com/", (), b"", KEYS, region="us-east-1", service="service", now=when))
    assert added[b"x-amz-date"] == b"20150830T123600Z"
    assert added[b"authorization"] == (
        b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "
        b"Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


@pytest.mark.parametrize("name", [b"Authorization", b"X-Amz-Date", b"x-amz-security-token", b"x-amz-content-sha256"])
def test_headers_of_the_signer_are_not_taken_from_others(name: bytes) -> None:
    """A caller's own would be sent beside the signer's, and AWS would have to choose."""
    with pytest.raises(ValueError, match="written by the signer"):
        sign("GET", HOST, [(name, b"x")], b"", KEYS, region="r", service="s", now=NOW)


def test_credentials_do_not_print_their_secrets() -> None:
    """The repr names the access key and the expiry."""
    shown = repr(Credentials(access_key="AKID", secret_key="hush", session_token="hush", expires_at=5.0))
    assert shown == "Credentials(access_key='AKID', expires_at=5.0)"


@pytest.mark.parametrize(
    ("path", "resolved"), [("", "/"), ("/", "/"), ("//a/./b/../c/", "/a/c/"), ("/..", "/"), ("/a%2F..", "/a%2F.."), ("/../../a", "/a")]
)
def test_dot_segments(path: str, resolved: str) -> None:
    """Resolved for the signature only; encoded slashes are no separators."""
    assert without_dots(path) == resolved


@pytest.mark.parametrize(
    ("query", "canonical"), [(b"", ""), (b"b=2&a", "a=&b=2"), (b"a=2&a=1&a=1%20", "a=1&a=1%20&a=2"), (b"a=b=c", "a=b=c")]
)
def test_query(query: bytes, canonical: str) -> None:
    """Sorted by name, then value."""
    assert canonical_query(query) == canonical


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://A.b/", b"a.b"),
        ("https://a:443", b"a"),
        ("http://a:443", b"a:443"),
        ("http://[::1]:80/x", b"[::1]"),
        ("http://[::1]:1", b"[::1]:1"),
    ],
)
def test_host(url: str, host: bytes) -> None:
    """As the transport writes it."""
    assert authority(url) == host


def test_timestamp_is_utc() -> None:
    """To the second, without separators."""
    assert timestamp(NOW) == "20261125T165650Z"
