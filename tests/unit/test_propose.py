"""Grants that are proposed for what a module was seen to need."""

from __future__ import annotations

import pytest

from hengio.grants.check import check
from hengio.grants.propose import propose
from hengio.model.grant import Grant, Permission


def proposed(permission: Permission, *resources: str) -> list[str]:
    found = propose([(Grant(permission, resource), "f") for resource in resources])
    check(proposal.grant for proposal in found)
    assert {proposal.grant.permission for proposal in found} <= {permission}
    return [proposal.grant.resource for proposal in found]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (["https://a.example/v1/x"], ["https://a.example/v1/x"]),
        (["https://a.example/v1/x", "https://a.example/v1/y"], ["https://a.example/v1/x", "https://a.example/v1/y"]),
        ([f"https://a.example/v1/{one}" for one in "xyz"], ["https://a.example/v1/*"]),
        (["https://a.example/u/1", "https://a.example/u/22"], ["https://a.example/u/*"]),
        (["https://a.example/1", "https://b.example/2"], ["https://a.example/1", "https://b.example/2"]),
        (["https://a.example/1", "https://a.example:8443/2"], ["https://a.example/1", "https://a.example:8443/2"]),
        (["https://a.example/1", "https://a.example/1/2"], ["https://a.example/1", "https://a.example/1/2"]),
        (
            [f"https://a.example/{user}/orders/{order}" for user in (1, 2) for order in (7, 8)],
            ["https://a.example/*/orders/*"],
        ),
        (["http://[10.0.0.1/32]:80/a1", "http://[10.0.0.1/32]:80/a2"], ["http://[10.0.0.1/32]:80/*"]),
        (
            [f"https://a.example/{one}" for one in ("login", "new", "orders")],
            [f"https://a.example/{one}" for one in ("login", "new", "orders")],
        ),
        (["https://a.example/"], ["https://a.example/"]),
    ],
)
def test_similar_paths_of_one_origin_become_one_pattern(resources: list[str], expected: list[str]) -> None:
    assert proposed("http:read", *resources) == expected


def test_files_keep_the_extension_that_they_share() -> None:
    assert proposed("file:read", "in/2026-01.csv", "in/2026-02.csv") == ["in/*.csv"]
    assert proposed("file:read", "in/a.csv", "in/b.txt", "in/c.csv") == ["in/*"]


def test_tables_and_connections_are_never_generalised() -> None:
    tables = ["shop/main.t1", "shop/main.t2", "shop/main.t3"]
    assert proposed("database:read", *tables) == tables


def test_reading_and_writing_are_kept_apart_and_uses_are_counted() -> None:
    read, write = Grant("file:read", "a"), Grant("file:write", "a")
    found = propose([(read, "one"), (write, "one"), (read, "two"), (read, "two")])
    assert [(proposal.grant, proposal.uses) for proposal in found] == [
        (read, {"one": 1, "two": 2}),
        (write, {"one": 1}),
    ]


def test_a_pattern_counts_and_names_all_that_it_stands_for() -> None:
    (found,) = propose([(Grant("file:read", f"in/{name}"), name) for name in ("1", "2")])
    assert (found.grant.resource, found.resources, found.uses) == ("in/*", ("in/1", "in/2"), {"1": 1, "2": 1})
