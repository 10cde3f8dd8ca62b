"""A step's `permissions` are judged when the job is created, without knowing any module (H3, ABI: Permissions)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition.validate import Report, validate

GOOD = {"permission": "file:read", "resource": "inbox/**"}


def judged(*permissions: Any) -> Report:
    step = {"id": "w", "type": "wasm", "config": {"module_id": "prices@1.0.0", "permissions": list(permissions)}}
    return validate({"name": "j", "steps": [step]})


@pytest.mark.requirement("R4.7", "R13.1", "H3.5")
@pytest.mark.parametrize(
    ("permission", "resource", "field", "message", "hint"),
    [
        ("http:reed", "x", "permission", "expected one of ", "did you mean `http:read`?"),
        ("http:read", "*", "resource", "'*' is no resource of http", "write scheme://host[:port]/path"),
        ("http:write", "https://a.example:0/", "resource", "'https://a.example:0/' has no such port", "write scheme"),
        ("database:write", "a b", "resource", "'a b' is no resource of databases", "write connection"),
        ("file:write", "/etc/**", "resource", "'/etc/**' is no resource of files", "write a path of the files area"),
        ("file:read", "x" * 2_001, "resource", "has more than 2000 characters", ""),
        ("file:read", 5, "resource", "expected a string, got 5", ""),
    ],
)
def test_what_means_nothing_is_told_at_its_place_with_a_hint(
    permission: str, resource: Any, field: str, message: str, hint: str
) -> None:
    (problem,) = judged(GOOD, {"permission": permission, "resource": resource}).errors
    assert problem.path == f"$.steps[0].config.permissions[1].{field}"
    assert problem.message.startswith(message)
    assert problem.hint.startswith(hint)


@pytest.mark.requirement("R4.7")
@pytest.mark.parametrize(
    "permissions",
    [
        [],
        [GOOD],
        [{"permission": "http:read", "resource": "https://*.example.com/v1/**"}],
        [{"permission": "database:read", "resource": "shop/main.orders"}],
        [{"permission": "file:write", "resource": "out/{{input.day}}/*.csv"}],
    ],
)
def test_what_means_something_or_is_a_template_is_valid(permissions: list[Any]) -> None:
    assert judged(*permissions).errors == ()


@pytest.mark.requirement("H3.5")
def test_an_unknown_field_of_a_permission_is_told_like_any_other() -> None:
    (problem,) = judged({**GOOD, "resuorce": "x"}).errors
    assert (problem.path, problem.message) == (
        "$.steps[0].config.permissions[0].resuorce",
        "unknown field `resuorce`",
    )
