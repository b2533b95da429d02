"""What handlers read of a request."""

import pytest

from proxy.admin.answer import VersionConflict, check_version, expected_version, parameter
from proxy.core.context import RequestContext
from proxy.core.errors import BadRequest
from proxy.core.route import RouteInfo

ROUTE = RouteInfo(name="/v1/admin/x", family="admin")


def context(**headers: str) -> RequestContext:
    ctx = RequestContext(ROUTE, "0" * 32, 0.0)
    ctx.raw_path = "/v1/admin/x"
    ctx.headers = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return ctx


@pytest.mark.parametrize(
    ("header", "body", "version"),
    [
        (None, {}, None),
        ('"7"', {}, 7),
        ('W/"7"', {}, 7),
        (" 7 ", {}, 7),
        ("*", {}, None),
        ("*", {"version": 3}, 3),
        (None, {"version": 0}, 0),
        (None, {"version": None}, None),
        ('"7"', {"version": 3}, 7),
    ],
)
def test_the_expected_version(header: str | None, body: dict[str, object], version: int | None) -> None:
    """The header's wins over the body's; neither: whatever is there."""
    assert expected_version(context(**({"if_match": header} if header else {})), body) == version


@pytest.mark.parametrize("body", [{"version": "3"}, {"version": -1}, {"version": 1.5}, {"version": True}])
def test_a_body_that_knows_no_version(body: dict[str, object]) -> None:
    """Named."""
    with pytest.raises(BadRequest) as caught:
        expected_version(context(), body)
    assert caught.value.param == "version"


@pytest.mark.parametrize("header", ['"a"', '"1", "2"', "-1", '"', "1" * 19])
def test_a_header_that_is_no_etag_of_ours(header: str) -> None:
    """Named."""
    with pytest.raises(BadRequest) as caught:
        expected_version(context(if_match=header), {})
    assert caught.value.param == "if-match"


def test_another_version_is_a_conflict() -> None:
    """With the one that holds."""
    check_version(None, 5)
    check_version(5, 5)
    with pytest.raises(VersionConflict) as caught:
        check_version(4, 5)
    assert (caught.value.status, caught.value.details) == (412, {"version": 5})


def test_a_path_without_parameters_has_none() -> None:
    """An empty name."""
    assert parameter(context(), "model") == ""
