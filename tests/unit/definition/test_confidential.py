"""Secrets that stand in a definition are found by where they stand, and shown to nobody (H6.3, H7.2)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition import confidential

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
        (a_document({}, triggers={"webhook": {"secret_key": "s3cret"}}), "$.triggers.webhook.secret_key"),
    ],
)
def test_a_secret_is_found_masked_and_replaced(document: dict[str, Any], path: str) -> None:
    assert confidential.found(document) == [path]
    assert "s3cret" not in str(confidential.masked(document))
    replaced, paths = confidential.placeheld(document)
    assert (paths, confidential.asked(replaced)) == ([path], [path])
    assert "s3cret" not in str(replaced)
    value = "mysql://u:s3cret@h/d" if "connection_string" in path else "s3cret"
    assert confidential.filled(replaced, {path: value}) == document


@pytest.mark.parametrize(
    "config",
    [
        {"auth": {**AUTH, "password": "${API_PASSWORD}"}},
        {"auth": {**AUTH, "password": confidential.MASK}},
        {"params": {"password": "of the author's own data"}},
        {"headers": {"Accept": "text/plain"}},
        {"auth": {**AUTH, "password": ""}},
    ],
)
def test_references_and_an_authors_own_data_are_no_secrets(config: dict[str, Any]) -> None:
    assert confidential.found(a_document(config)) == []


def test_notes_are_the_authors_own() -> None:
    assert confidential.found(a_document({}, notes={"password": "x"})) == []
