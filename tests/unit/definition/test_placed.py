"""What is wrong with the text around a template, whatever is inserted, is told at creation (H3.6, H3.10)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition import configs
from hengio.definition.validate import validate


@pytest.fixture(autouse=True)
def http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not this version can run HTTP steps."""
    monkeypatch.setitem(configs.CONFIGS, "http", configs.HttpConfig)


def said(**config: Any) -> list[tuple[str, str]]:
    step = {"id": "a", "type": "http", "config": {"url": "https://api.example.com", "method": "POST", **config}}
    found = validate({"name": "j", "steps": [step]}).errors
    return [(each.path.removeprefix("$.steps[0].config."), each.message) for each in found]


def oauth2(url: str) -> dict[str, Any]:
    return {"type": "oauth2", "token_url": url, "client_id": "c", "client_secret": "${S}"}


@pytest.mark.requirement("H3.6")
@pytest.mark.parametrize(
    ("config", "path", "message"),
    [
        ({"url": "ftp://{{input.host}}/x"}, "url", "the URL is not one of http or https"),
        ({"url": "file:{{input.path}}"}, "url", "the URL is not one of http or https"),
        ({"url": "ftp://files.example", "connection": "c"}, "url", "the URL is not one of http or https"),
        ({"url": "https://a.example/{{input.a}} b"}, "url", "the URL has a space, a control character or a backslash"),
        ({"url": "https://a.example/{{input.a"}, "url", "column 19: `{{` is never closed"),
        ({"url": "https://a.example/{{steps.z.output}}"}, "url", "column 21: there is no step `z`"),
        ({"headers": {"X-A": "{{input.a}}\r\nX-B: 1"}}, "headers.X-A",
         "a header cannot hold the control character U+000D"),
        ({"headers": {"X-A": "{{nope}}"}}, "headers.X-A", "column 3: there is no `nope` to refer to"),
        ({"body": '{"a": "\\{{input.a}}"}'}, "body",
         "column 9: a backslash right before a template in a JSON body"),
        ({"body": "\\{{input.a}}", "headers": {"content-type": "application/json"}}, "body",
         "column 2: a backslash right before a template in a JSON body"),
        ({"body": {"a": ["{{steps.z.output}}"]}}, "body.a[0]", "column 3: there is no step `z`"),
        ({"auth": oauth2("ftp://id.example")}, "auth.token_url",
         "the URL is not of the form http(s)://host[:port]/path"),
        ({"auth": oauth2("ldap://{{input.host}}")}, "auth.token_url", "the URL is not one of http or https"),
        ({"auth": {"type": "bearer", "token": "{{"}}, "auth.token",
         "column 3: it ends where a value should follow"),
    ],
)  # fmt: skip
def test_what_no_value_can_put_right_is_an_error(config: dict[str, Any], path: str, message: str) -> None:
    assert said(**config) == [(path, message)]


@pytest.mark.parametrize(
    "config",
    [
        {"url": "{{input.base}}/x"},
        {"url": "${BASE}"},
        {"url": "HTTPS://{{input.host}}:8443/{{input.path}}"},
        {"url": "/orders/{{input.id}}", "connection": "shop"},
        {"url": "v1:translate", "connection": "shop"},
        {"headers": {"X-A": "a\tb {{input.a}}"}},
        {"body": "C:\\{{input.path}}"},
        {"body": '{"a": "\\\\{{input.a}}"}', "headers": {"Content-Type": "text/plain"}},
        {"auth": oauth2("https://{{input.host}}/token")},
    ],
)
def test_what_may_come_right_is_not_an_error(config: dict[str, Any]) -> None:
    assert said(**config) == []


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"auth": "Bearer s3cret"}, "auth"),
        ({"auth": {"type": "basic", "username": "u", "password": 5318008}}, "auth.password"),
        ({"headers": "Authorization: s3cret"}, "headers"),
    ],
)
def test_a_secret_of_the_wrong_shape_is_not_repeated(config: dict[str, Any], path: str) -> None:
    [(where, message)] = said(**config)
    assert where == path
    assert "s3cret" not in message
    assert "5318008" not in message
