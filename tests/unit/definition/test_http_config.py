"""What is said at creation of an http step's configuration (H3, H4)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition.validate import Report, validate

URL = "https://api.example.com/"


def report(**config: Any) -> Report:
    return validate({"name": "job", "steps": [{"id": "h", "type": "http", "config": config}]})


@pytest.mark.requirement("H4.1", "R13.1")
@pytest.mark.parametrize(
    "config",
    [
        {"url": URL},
        {"url": "${BASE}/x?y={{input.y}}", "success_statuses": ["2xx", 404, "{{input.s}}"]},
        {"url": "/orders", "connection": "erp"},
        {
            "url": URL,
            "method": "POST",
            "headers": {"X-A": "1"},
            "body": None,
            "auth": {"type": "oauth2", "token_url": "${T}", "client_id": "a", "client_secret": "${S}"},
        },
    ],
)
def test_a_step_that_can_be_run_is_valid(config: dict[str, Any]) -> None:
    assert report(**config).errors == ()


@pytest.mark.requirement("R13.1")
@pytest.mark.parametrize(
    ("config", "path", "message"),
    [
        ({}, "", "missing required field `url`"),
        ({"url": "/orders"}, ".url", "the URL is not of the form"),
        ({"url": "https://u:p@a.example/"}, ".url", "user name or password"),
        ({"url": URL, "method": "get"}, ".method", "expected one of"),
        ({"url": URL, "headers": {"Host": "x"}}, ".headers.Host", "no header that a step can set"),
        ({"url": URL, "headers": {"A B": "x"}}, '.headers["A B"]', "no header that a step can set"),
        ({"url": URL, "auth": {"type": "digest"}}, ".auth.type", "expected one of"),
        ({"url": URL, "auth": {"type": "bearer"}}, ".auth", "missing required field `token`"),
        ({"url": URL, "timeout_seconds": 0}, ".timeout_seconds", "must be greater than 0"),
        ({"url": URL, "max_response_bytes": 1 << 40}, ".max_response_bytes", "must be from 1 to 67108864"),
        ({"url": URL, "success_statuses": [99]}, ".success_statuses[0]", "must be from 200 to 599"),
        ({"url": URL, "success_statuses": [200, "ok"]}, ".success_statuses[1]", '"ok" is no status'),
        ({"url": URL, "success_status": [200]}, ".success_status", "unknown field"),
    ],
)
def test_what_can_not_be_is_told_with_its_place(config: dict[str, Any], path: str, message: str) -> None:
    (problem,) = report(**config).errors
    assert (problem.path, message in problem.message) == (f"$.steps[0].config{path}", True)


def test_credentials_in_the_clear_are_a_warning() -> None:
    (warning,) = report(url="http://a.example/", auth={"type": "bearer", "token": "${T}"}).warnings
    assert (warning.path, "in the clear" in warning.message) == ("$.steps[0].config.auth", True)
