"""Requests signed by AWS's own signer with the gateway's access keys, and what becomes of them when anything is changed."""

import datetime
import re
from typing import Any
from unittest import mock
from urllib.parse import quote, urlsplit

import boto3
import botocore.auth
import msgspec
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from proxy.codecs.bedrock_converse.errors import encode_error, error_type
from proxy.core.errors import EdgeError
from proxy.core.keys import new_access_key_id, secret_access_key
from proxy.governance.sigv4_keys import (
    ExpiredToken,
    IncompleteSignature,
    InvalidSignature,
    SignatureFault,
    UnrecognizedClient,
    Verified,
    is_signed,
    verify,
    version_of,
)
from proxy.transport.base import Header
from proxy.transport.sigv4 import Credentials, sign
from tests.support.boto3_answers import MESSAGES, answered

NOW = 1_795_625_810.0
SECRETS = {1: b"0123456789abcdef0123456789abcdef", 12: b"fedcba9876543210fedcba9876543210"}
KEY_ID = "LEK12KABCDEFGHIJKLMNOPQRSTUVWX"
SECRET = secret_access_key(SECRETS[12], KEY_ID)
CONVERSE = "/llm-gateway/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse"


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A request as an ASGI server hands it over."""

    method: str = "POST"
    raw_path: bytes
    query: bytes = b""
    headers: tuple[Header, ...]
    body: bytes = b"{}"

    def verify(self, now: float = NOW, secrets: dict[int, bytes] = SECRETS, hosts: frozenset[str] = frozenset()) -> Verified:
        return verify(self.method, self.raw_path, self.query, self.headers, self.body, now=now, secrets_by_version=secrets, hosts=hosts)

    def header(self, name: bytes) -> bytes:
        return dict(self.headers)[name]

    def having(self, name: bytes, value: bytes) -> "Received":
        return msgspec.structs.replace(self, headers=(*(pair for pair in self.headers if pair[0] != name), (name, value)))

    def without(self, name: bytes) -> "Received":
        return msgspec.structs.replace(self, headers=tuple(pair for pair in self.headers if pair[0] != name))

    def claiming(self, old: bytes, new: bytes) -> "Received":
        authorization = self.header(b"authorization")
        assert old in authorization
        return self.having(b"authorization", authorization.replace(old, new))


def signed(
    url: str = "https://gw.example" + CONVERSE,
    method: str = "POST",
    body: bytes = b"{}",
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),),
    key_id: str = KEY_ID,
    secret: str = SECRET,
    token: str | None = None,
    region: str = "us-east-1",
    service: str = "bedrock",
    at: float = NOW,
) -> Received:
    request = AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    when = datetime.datetime.fromtimestamp(at, datetime.UTC)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=when):
        botocore.auth.SigV4Auth(ReadOnlyCredentials(key_id, secret, token), service, region).add_auth(request)
    parts = urlsplit(url)
    wire = [(b"host", parts.netloc.encode()), *((name.lower().encode(), value.encode()) for name, value in request.headers.items())]
    return Received(method=method, raw_path=parts.path.encode(), query=parts.query.encode(), headers=tuple(wire), body=body)


tokens = st.from_regex(re.compile(r"[a-z][a-z0-9-]{0,12}"), fullmatch=True).filter(
    lambda name: name not in ("authorization", "date", "host") and not name.startswith("x-amz-")
)
texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
segments = st.text(min_size=1, max_size=12).filter(lambda text: text not in (".", "..")).map(lambda text: quote(text, safe=""))
requests = st.builds(
    signed,
    url=st.builds(
        lambda host, parts, query: f"https://{host}/" + "/".join(parts) + (f"?{query}" if query else ""),
        st.sampled_from(["gw.example", "gw.example:8443", "127.0.0.1:8080", "[::1]:8080"]),
        st.lists(segments, max_size=4),
        st.sampled_from(["", "a=1", "b=2&a=%20x&a=1"]),
    ),
    method=st.sampled_from(["POST", "GET"]),
    body=st.binary(max_size=30),
    headers=st.lists(st.tuples(tokens, texts), max_size=4).map(tuple),
    region=st.sampled_from(["us-east-1", "eu-central-1", "local"]),
    at=st.floats(NOW - 299, NOW + 299),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(requests)
def test_what_botocore_signs_is_verified(request: Received) -> None:
    """Any path, query, headers and body, from any region, within five minutes."""
    verified = request.verify()
    assert (verified.access_key_id, verified.version) == (KEY_ID, 12)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(requests, st.data())
def test_any_change_of_one_byte_is_refused(request: Received, data: st.DataObject) -> None:
    """Method, path, query, body, a signed header's name or value, or the Authorization header itself."""
    signed_names = re.search(rb"SignedHeaders=([^,]+)", request.header(b"authorization"))
    assert signed_names is not None
    covered = [pair for pair in request.headers if pair[0] in (*signed_names[1].split(b";"), b"authorization")]
    place = data.draw(st.sampled_from(["method", "raw_path", "query", "body", *range(len(covered))]))

    def change(text: bytes) -> bytes:
        at = data.draw(st.integers(0, len(text)))
        inserted = bytes([data.draw(st.integers(0x21, 0x7E))])
        changed = text[:at] + inserted + text[at + data.draw(st.integers(0, 1)) :]
        assume(changed != text)
        return changed

    if isinstance(place, int):
        name, value = covered[place]
        new = (change(name), value) if value == b"" else (name, change(value))
        rest = list(request.headers)
        rest[rest.index((name, value))] = new
        changed = msgspec.structs.replace(request, headers=tuple(rest))
    elif place == "method":
        changed = msgspec.structs.replace(request, method=request.method + "X")
    else:
        changed = msgspec.structs.replace(request, **{place: change(getattr(request, place))})
    with pytest.raises(EdgeError) as caught:
        changed.verify()
    assert caught.value.status == 403


def test_the_gateways_own_signer_is_understood() -> None:
    """What proxy/transport/sigv4.py signs for AWS, another gateway of this kind verifies."""
    url = f"https://gw.example{CONVERSE}?b=2&a=1"
    given: tuple[Header, ...] = ((b"content-type", b"application/json"),)
    keys = Credentials(access_key=KEY_ID, secret_key=SECRET)
    added = sign("POST", url, given, b"{}", keys, region="r", service="bedrock", now=NOW, content_sha256=True)
    request = Received(raw_path=CONVERSE.encode(), query=b"b=2&a=1", headers=((b"host", b"gw.example"), *given, *added))
    assert request.verify() == Verified(KEY_ID, 12, "r")


def client_requests() -> list[Received]:
    """What a real boto3 client sends for Converse and InvokeModel."""
    client = boto3.client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:8080/llm-gateway",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=Config(retries={"max_attempts": 0}),
    )
    sent: list[Received] = []

    def capture(request: Any, **_: Any) -> AWSResponse:
        parts = urlsplit(request.url)
        headers = [
            (name.lower().encode(), value if isinstance(value, bytes) else str(value).encode()) for name, value in request.headers.items()
        ]
        host = [] if any(name == b"host" for name, _ in headers) else [(b"host", parts.netloc.encode())]
        sent.append(Received(method=request.method, raw_path=parts.path.encode(), headers=(*host, *headers), body=request.body))
        return AWSResponse(request.url, 200, {}, mock.Mock(stream=lambda **_: iter([b"{}"])))

    client.meta.events.register("before-send.bedrock-runtime", capture)
    when = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=when):
        message = {"role": "user", "content": [{"text": "hi"}]}
        client.converse(modelId="anthropic.claude-3-5-sonnet-20240620-v1:0", messages=[message])
        client.converse(modelId="arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0", messages=[message])
        client.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=b'{"inputText":"x"}')
    client.close()
    return sent


def test_boto3_client() -> None:
    """A real client's requests, under a prefix, with model ids and ARNs percent-encoded, are verified; its region is its own affair."""
    sent = client_requests()
    assert [request.verify() for request in sent] == [Verified(KEY_ID, 12, "eu-west-1")] * 3
    assert sent[0].raw_path == CONVERSE.encode()
    for request in sent:
        with pytest.raises(InvalidSignature):
            msgspec.structs.replace(request, body=request.body + b" ").verify()


def test_access_key_ids() -> None:
    """They carry the version of their signing secret; those of AWS and of other kinds are not ours."""
    made = new_access_key_id(12)
    assert version_of(made) == 12
    assert made != new_access_key_id(12)
    assert [version_of(other) for other in ("AKIAIOSFODNN7EXAMPLE", "LEK0K" + "A" * 24, "LEKK" + "A" * 24, made.lower(), made + "A")] == [
        None
    ] * 5


def test_secret_is_derived_from_version_and_id() -> None:
    """base64(HMAC-SHA256(signing secret, id)), the value computed by hand elsewhere."""
    assert secret_access_key(b"key", "The quick brown fox jumps over the lazy dog") == "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg="


@pytest.mark.parametrize(
    "request_",
    [
        signed(key_id="AKIAIOSFODNN7EXAMPLE"),
        signed(key_id="LEK3KABCDEFGHIJKLMNOPQRSTUVWX"),
        signed(token="IQoJb3JpZ2luX2Vj"),
    ],
    ids=["AWS's key", "version without a secret", "session token"],
)
def test_keys_of_others(request_: Received) -> None:
    """403 UnrecognizedClientException, as AWS answers."""
    with pytest.raises(UnrecognizedClient) as caught:
        request_.verify()
    assert (caught.value.status, caught.value.code) == (403, "UnrecognizedClientException")


@pytest.mark.parametrize("secret", [secret_access_key(SECRETS[1], KEY_ID), SECRET.lower(), "x"])
def test_wrong_secret(secret: str) -> None:
    """403 InvalidSignatureException, also with another version's secret for the same id."""
    with pytest.raises(InvalidSignature, match="does not match") as caught:
        signed(secret=secret).verify()
    assert (caught.value.status, caught.value.code) == (403, "InvalidSignatureException")


@pytest.mark.parametrize(("offset", "says"), [(-301, "expired"), (301, "not yet current"), (-86_400, "expired")])
def test_clock_skew(offset: float, says: str) -> None:
    """Five minutes either way."""
    with pytest.raises(InvalidSignature, match=says):
        signed(at=NOW + offset).verify()
    assert signed(at=NOW + (299 if offset > 0 else -299)).verify().version == 12


def test_scope() -> None:
    """Service bedrock and the date of X-Amz-Date, even when signed so."""
    with pytest.raises(InvalidSignature, match="service: 'bedrock'"):
        signed(service="s3").verify()
    with pytest.raises(InvalidSignature, match="service"):
        signed().claiming(b"aws4_request", b"aws5_request").verify()
    with pytest.raises(InvalidSignature, match="Date in Credential scope"):
        signed().claiming(b"/20261125/", b"/20261124/").verify()


def test_headers_that_must_be_signed() -> None:
    """Host, X-Amz-Date and each x-amz header; what CloudFront and load balancers add is left alone."""
    request = signed()
    for name in (b"host", b"x-amz-date"):
        left = b";".join(n for n in (b"content-type", b"host", b"x-amz-date") if n != name)
        with pytest.raises(InvalidSignature, match=name.decode()):
            request.claiming(b"content-type;host;x-amz-date", left).verify()
    with pytest.raises(InvalidSignature, match="x-amz-target"):
        request.having(b"x-amz-target", b"other").verify()
    assert (
        request.having(b"x-amz-cf-id", b"c").having(b"x-amzn-trace-id", b"t").having(b"x-forwarded-for", b"1.2.3.4").verify().version == 12
    )
    with pytest.raises(InvalidSignature, match="did not arrive: content-type"):
        request.without(b"content-type").verify()
    with pytest.raises(InvalidSignature, match="does not match"):
        msgspec.structs.replace(request, headers=(*request.headers, (b"content-type", b"text/plain"))).verify()


@pytest.mark.parametrize("names", [b"host;content-type;x-amz-date", b"content-type;host;host;x-amz-date"])
def test_signed_headers_are_sorted(names: bytes) -> None:
    """As the standard asks."""
    with pytest.raises(IncompleteSignature, match="sorted"):
        signed().claiming(b"content-type;host;x-amz-date", names).verify()


def test_content_sha256() -> None:
    """Where it is sent it must be the body's; unsigned payloads are refused even when signed so."""
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert signed(headers=(("X-Amz-Content-SHA256", digest),)).verify().version == 12
    for value in ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", digest.upper(), ""):
        with pytest.raises(InvalidSignature, match="refused"):
            signed(headers=(("X-Amz-Content-SHA256", value),)).verify()
    with pytest.raises(InvalidSignature, match="not that of the body"):
        signed(headers=(("X-Amz-Content-SHA256", "0" * 64),)).verify()


@pytest.mark.parametrize(
    ("hosts", "own", "verified"),
    [
        ((), b"gw.example", True),
        (("gw.example",), b"gw.example", True),
        (("gw.example",), b"gw.example:443", False),
        (("other.example",), b"gw.example", False),
        (("gw.example", "other.example"), b"backend:8080", True),
        (("other.example",), b"backend:8080", False),
        ((), b"backend:8080", False),
    ],
)
def test_hosts(hosts: tuple[str, ...], own: bytes, verified: bool) -> None:
    """A request is signed for its own Host, or, behind a proxy that rewrites it, for one of the public hosts; for no other."""
    request = signed().having(b"host", own)
    if verified:
        assert request.verify(hosts=frozenset(hosts)).version == 12
    else:
        with pytest.raises(InvalidSignature):
            request.verify(hosts=frozenset(hosts))


def test_path_is_judged_as_it_came() -> None:
    """No other spelling of the same path passes: what was signed is what is routed."""
    request = signed()
    for path in (CONVERSE.replace("%3A", ":"), CONVERSE.replace("%3A", "%3a"), "/x/.." + CONVERSE, "/" + CONVERSE, CONVERSE + "/"):
        with pytest.raises(InvalidSignature):
            msgspec.structs.replace(request, raw_path=path.encode()).verify()


@pytest.mark.parametrize(
    "authorization",
    [
        b"AWS4-HMAC-SHA256",
        b"AWS4-HMAC-SHA256 ",
        b"AWS4-HMAC-SHA512 Credential=a/20261125/r/bedrock/aws4_request, SignedHeaders=host, Signature=" + b"0" * 64,
        b"AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=" + b"0" * 64,
        b"AWS4-HMAC-SHA256 Credential=a/20261125/r/bedrock/aws4_request, SignedHeaders=Host, Signature=" + b"0" * 64,
        b"AWS4-HMAC-SHA256 Credential=a/20261125/r/bedrock/aws4_request, SignedHeaders=host, Signature=0",
        b"AWS4-HMAC-SHA256 Credential=a/20261125/r/bedrock/aws4_request, SignedHeaders=host, SignedHeaders=host",
        b"AWS4-HMAC-SHA256 " + b"x" * 5000,
        b"AWS4-HMAC-SHA256 \xff\xfe",
    ],
)
def test_malformed_authorization(authorization: bytes) -> None:
    """IncompleteSignatureException, whatever is wrong."""
    assert is_signed(authorization) or b"512" in authorization
    with pytest.raises(IncompleteSignature):
        signed().having(b"authorization", authorization).verify()


@pytest.mark.parametrize("stamp", [b"2026-11-25T16:56:50Z", b"20261341T000000Z", b"", b"20261125T165650Z "])
def test_malformed_date(stamp: bytes) -> None:
    """X-Amz-Date in the basic format only."""
    with pytest.raises(IncompleteSignature, match="X-Amz-Date"):
        signed().having(b"x-amz-date", stamp).verify()


@pytest.mark.parametrize("name", [b"authorization", b"x-amz-date", b"host"])
def test_once_each(name: bytes) -> None:
    """None or two of them: no one can say which was signed."""
    request = signed()
    with pytest.raises((IncompleteSignature, InvalidSignature)):
        request.without(name).verify()
    with pytest.raises(IncompleteSignature, match="exactly one"):
        msgspec.structs.replace(request, headers=(*request.headers, (name, request.header(name)))).verify()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=80), st.binary(max_size=20))
def test_never_crashes(authorization: bytes, path: bytes) -> None:
    """Any bytes are refused with one of the named errors."""
    request = msgspec.structs.replace(signed().having(b"authorization", b"AWS4-HMAC-SHA256 " + authorization), raw_path=path)
    with pytest.raises((IncompleteSignature, InvalidSignature, UnrecognizedClient)):
        request.verify()


@pytest.mark.parametrize("kind", [UnrecognizedClient, InvalidSignature, IncompleteSignature, ExpiredToken])
def test_boto3_raises_the_error_by_its_name(kind: type[SignatureFault]) -> None:
    """The type in the header is AWS's name, with status 403."""
    info = kind("m").info()
    assert (info.status, info.blame, info.retryable) == (403, "client", False)
    client = answered(info.status, {"x-amzn-ErrorType": error_type(info)}, encode_error(info))
    with pytest.raises(ClientError) as caught:
        client.converse(modelId="m", messages=MESSAGES)
    assert caught.value.response["Error"] == {"Code": kind.code, "Message": "m"}


def test_bearer_is_not_signed() -> None:
    """The auth wrapper can tell the two kinds apart."""
    assert not is_signed(b"Bearer x")
