"""What is not told as growth gives no more rights, whatever the grants; and what did not change is not told."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hengio import url
from hengio.grants import database, files, http
from hengio.grants.compare import compare, covers
from hengio.model.grant import Grant, Permission

SEGMENT = st.sampled_from(["a", "b", "ab", "*", "**", "a*", "*b"])
PATHS = st.lists(SEGMENT, min_size=1, max_size=4).map("/".join)
KEYS = st.lists(st.sampled_from(["a", "b", "ab", "aab", "c"]), min_size=1, max_size=5).map("/".join)
HOSTS = st.sampled_from(
    ["a.example", "b.a.example", "*.a.example", "*.example", "localhost", "10.0.0.1", "[10.0.0.0/8]"]
)
TARGETS = st.sampled_from(["a.example", "b.a.example", "c.b.a.example", "localhost", "10.0.0.1", "10.9.9.9"])
ADDRESSES = st.sampled_from(["93.184.216.34", "10.0.0.1", "10.9.9.9", "127.0.0.1", "::1"]).map(ip_address)
FILES = st.builds(Grant, st.sampled_from(["file:read", "file:write"]), PATHS)
HTTP = st.builds(
    lambda permission, host, port, path: Grant(permission, f"http://{host}{port}/{path}"),
    st.sampled_from(["http:read", "http:write"]),
    HOSTS,
    st.sampled_from(["", ":80", ":8080"]),
    PATHS,
)
DATABASES = st.builds(
    Grant,
    st.sampled_from(["database:read", "database:write"]),
    st.sampled_from(["shop", "shop/main.orders", "shop/main.people", "other"]),
)
GRANTS = st.lists(st.one_of(FILES, HTTP, DATABASES), max_size=5)


def allows_file(grants: list[Grant], permission: Permission, key: str) -> bool:
    return any(grant.permission == permission and files.allows(grant.resource, key) for grant in grants)


def allows_http(grants: list[Grant], permission: Permission, target: str, address: str) -> bool:
    patterns = tuple(http.parse(grant.resource) for grant in grants if grant.permission == permission)
    wanted = url.parse(target)
    return http.allows(patterns, wanted) and http.admits(patterns, wanted, ip_address(address))


@pytest.mark.requirement("R4.7")
@given(GRANTS, GRANTS, st.sampled_from(["file:read", "file:write"]), KEYS)
def test_without_growth_no_file_is_reached_that_was_not(
    before: list[Grant], after: list[Grant], permission: Permission, key: str
) -> None:
    within = [grant for grant in after if grant not in compare(before, after).growth]
    if allows_file(within, permission, key):
        assert allows_file(before, permission, key)


@pytest.mark.requirement("R4.7")
@given(
    st.lists(HTTP, max_size=4),
    st.lists(HTTP, max_size=4),
    st.sampled_from(["http:read", "http:write"]),
    TARGETS,
    st.sampled_from(["", ":8080"]),
    KEYS,
    ADDRESSES.map(str),
)
def test_without_growth_no_server_is_reached_that_was_not(
    before: list[Grant], after: list[Grant], permission: Permission, host: str, port: str, key: str, address: str
) -> None:
    within = [grant for grant in after if grant not in compare(before, after).growth]
    target = f"http://{host}{port}/{key}"
    if allows_http(within, permission, target, address):
        assert allows_http(before, permission, target, address)


@given(st.lists(DATABASES, max_size=4), st.lists(DATABASES, max_size=4))
def test_without_growth_no_table_is_reached_that_was_not(before: list[Grant], after: list[Grant]) -> None:
    growth = compare(before, after).growth
    for grant in after:
        resource = database.parse(grant.resource)
        known = {(one.permission, one.resource) for one in before}
        whole = (grant.permission, resource.connection) in known
        assert (grant in growth) == ((grant.permission, grant.resource) not in known and not whole)


@given(GRANTS, GRANTS)
def test_each_grant_is_told_in_one_way(before: list[Grant], after: list[Grant]) -> None:
    told = compare(before, after)
    placed = {pair.after for pair in (*told.wider, *told.narrower)}
    gone = {pair.before for pair in (*told.wider, *told.narrower)}
    assert {*told.kept, *told.added, *placed} == set(after)
    assert {*told.kept, *told.removed, *gone} == set(before)
    assert not placed & {*told.kept, *told.added}
    assert not gone & {*told.kept, *told.removed}
    assert set(told.growth) <= {*told.added, *placed}


@given(GRANTS)
def test_the_same_grants_in_any_order_are_no_change(grants: list[Grant]) -> None:
    told = compare(grants, list(reversed(grants)))
    assert (told.added, told.removed, told.wider, told.narrower, told.growth) == ((), (), (), (), ())


@given(st.one_of(FILES, HTTP, DATABASES), st.one_of(FILES, HTTP, DATABASES), st.one_of(FILES, HTTP, DATABASES))
@example(Grant("file:read", "**"), Grant("file:read", "*/**"), Grant("file:read", "a"))
def test_covering_is_an_order(one: Grant, two: Grant, three: Grant) -> None:
    assert covers(one, one)
    if covers(one, two) and covers(two, three):
        assert covers(one, three)


@pytest.mark.parametrize(
    ("before", "after", "how"),
    [
        ("file:read inbox/a.csv", "file:read inbox/*.csv", "wider"),
        ("file:read inbox/**", "file:read inbox/2026/*", "narrower"),
        ("file:read inbox/**", "file:write inbox/**", "other"),
        ("file:read a/*", "file:read b/*", "other"),
        ("http:read https://api.example.com/v1/**", "http:read https://*.example.com/v1/**", "wider"),
        ("http:read https://api.example.com/**", "http:read http://api.example.com/**", "other"),
        ("http:read http://[10.0.0.0/8]/**", "http:read http://10.1.2.3/x", "narrower"),
        ("http:read http://a.example/**", "http:read http://[0.0.0.0/0]/**", "other"),
        ("database:read shop/main.orders", "database:read shop", "wider"),
    ],
)
def test_a_grant_in_the_place_of_another_is_told_as_what_it_is(before: str, after: str, how: str) -> None:
    old, new = (Grant(*text.split(" ", 1)) for text in (before, after))  # type: ignore[arg-type]
    told = compare([old], [new])
    assert (len(told.wider), len(told.narrower), len(told.added)) == {
        "wider": (1, 0, 0),
        "narrower": (0, 1, 0),
        "other": (0, 0, 1),
    }[how]
    assert (told.growth == ()) == (how == "narrower")
