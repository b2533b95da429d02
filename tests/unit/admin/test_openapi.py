"""The admin API's description."""

from proxy.admin.openapi import WORDS, document, page
from proxy.api.routes import TABLE


def test_every_admin_route_has_words_and_no_other() -> None:
    rows = {row.handler for row in TABLE if row.admin or row.family == "admin"}
    assert set(WORDS) == rows


def test_parameters_of_the_path_are_named() -> None:
    shown = document([("GET", "/v1/admin/plans/{entity}", "admin_plan", False)])
    operation = shown["paths"]["/v1/admin/plans/{entity}"]["get"]
    assert [one["name"] for one in operation["parameters"]] == ["entity"]
    assert WORDS["admin_plan"] in page(shown)
