"""Secrets that stand in a definition are found by where they stand, and shown to nobody (H6.3, H7.2)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition import confidential
from hengio.definition.validate import validate

AUTH = {"type": "basic", "username": "u", "password": "s3cret"}


def a_document(config: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "job", "steps": [{"id": "a", "type": "http", "config": config}], **fields}


@pytest.mark.requirement("H6.3", "H7.2")
@pytest.mark.parametrize(
    ("document", "path"),
    [
        (a_document({"auth": AUTH}), "$.steps[0].config.auth.password"),
        (a_document({"auth": {"type": "bearer", "token": "s3cret"}}), "$.steps[0].config.auth.token"),
        (a_document({"headers": {"Authorization": "s3cret"}}), "$.steps[0].config.headers.Authorization"),
        (a_document({"connection_string": "mysql://u:s3cret@h/d"}), "$.steps[0].config.connection_string"),
        (a_document({"auth": {"type": "key", "private_key": "s3cret"}}), "$.steps[0].config.auth.private_key"),
        (a_document({"auth": {**AUTH, "password": "s3cret${S}"}}), "$.steps[0].config.auth.password"),
        (a_document({"auth": {**AUTH, "password": '{{variables.S ?? "s3cret"}}'}}), "$.steps[0].config.auth.password"),
        (a_document({"headers": {"Authorization": "Basic ${U}:s3cret"}}), "$.steps[0].config.headers.Authorization"),
        (a_document({"headers": {"X-Api-Key": "Bearer s3cret"}}), "$.steps[0].config.headers.X-Api-Key"),
        (a_document({"connection_string": "mysql://u:s3cret@h/${DB}"}), "$.steps[0].config.connection_string"),
        (a_document({"url": "https://u:s3cret@${HOST}/"}), "$.steps[0].config.url"),
        (a_document({"url": "https://s3cret@h/"}), "$.steps[0].config.url"),
        (a_document({"url": "/x?page=2&Api-Key=s3cret${S}"}), "$.steps[0].config.url"),
        (a_document({"body": {"accessKey": "s3cret"}}), "$.steps[0].config.body.accessKey"),
        (a_document({}, triggers={"webhook": {"secret_key": "s3cret"}}), "$.triggers.webhook.secret_key"),
    ],
)
def test_a_secret_is_found_masked_and_replaced(document: dict[str, Any], path: str) -> None:
    assert confidential.found(document) == [path]
    assert "s3cret" not in str(confidential.masked(document))
    replaced, paths = confidential.placeheld(document)
    assert (paths, confidential.asked(replaced)) == ([path], [path])
    assert "s3cret" not in str(replaced)
    original = document
    for part in path.removeprefix("$.").replace("steps[0]", "steps.0").split("."):
        original = original[int(part)] if part.isdigit() else original[part]  # type: ignore[index]
    assert confidential.filled(replaced, {path: str(original)}) == document


@pytest.mark.parametrize(
    "config",
    [
        {"auth": {**AUTH, "password": "${API_PASSWORD}"}},
        {"auth": {**AUTH, "password": confidential.MASK}},
        {"params": {"password": "of the author's own data"}},
        {"headers": {"Accept": "text/plain", "Idempotency-Key": "order-12345678"}},
        {"headers": {"Authorization": "Bearer ${TOKEN}", "X-Key": "{{ variables.A ?? variables.B }}"}},
        {"url": "https://{{ variables.U }}:{{ variables.PW ?? '' }}@h/{{input.a ?? 1}}?token=${T}&page=2"},
        {"auth": {"type": "oauth2", "client_id": "me", "token_url": "https://h/token"}, "host_key": "ssh-ed25519 A"},
        {"secrets": ["API_TOKEN"]},
        {"auth": {**AUTH, "password": ""}},
    ],
)
def test_references_and_an_authors_own_data_are_no_secrets(config: dict[str, Any]) -> None:
    assert confidential.found(a_document(config)) == []


def test_notes_are_the_authors_own() -> None:
    assert confidential.found(a_document({}, notes={"password": "x"})) == []


def test_what_is_looked_for_of_a_secret_beside_templates_is_its_literal_text() -> None:
    config = {
        "connection_string": "mysql://u:p%40ss-word@h/${DB}",
        "auth": {"password": "PLANTED${S}more"},
        "headers": {"Authorization": "Splunk ${U}:HDR-1", "Cookie": "${C}"},
    }
    assert confidential.literals(config) == ["p%40ss-word", "p@ss-word", "PLANTED", "more", ":HDR-1"]


@pytest.mark.requirement("H6.3", "H7.2")
@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"auth": {**AUTH, "password": "********"}}, "auth.password"),
        ({"auth": {**AUTH, "password": "<secret:$.x>"}}, "auth.password"),
        ({"headers": {"Authorization": "Bearer ********"}}, "headers.Authorization"),
        ({"url": "https://h/?token=********"}, "url"),
        ({"url": "<secret:$.steps[0].config.url>"}, "url"),
    ],
)
def test_a_stand_in_where_a_secret_belongs_is_an_error_with_its_path(config: dict[str, Any], place: str) -> None:
    errors = validate(a_document({"url": "https://h/", **config})).errors
    told = [each.path for each in errors if each.message == "this stands for a secret that was left out"]
    assert told == [f"$.steps[0].config.{place}"]


def test_a_secret_as_it_is_is_warned_of_and_not_repeated() -> None:
    report = validate(a_document({"url": "https://h/", "auth": AUTH, "headers": {"X-Key": "${KEY}"}}))
    assert report.valid
    [warning] = [each for each in report.warnings if "secret" in each.message]
    assert warning.path == "$.steps[0].config.auth.password"
    assert "sensitive variable" in warning.hint and "s3cret" not in str(report.warnings)


def test_data_with_stars_in_it_is_no_stand_in() -> None:
    assert validate(a_document({"url": "https://h/********", "body": {"name": "********"}})).valid
