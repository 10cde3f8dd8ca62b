"""What callers may and see: the rules themselves, without a database (H8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio.access import roles, rules, visibility
from hengio.access.permissions import PERMISSIONS, Caller
from hengio.errors import HengioError
from hengio.model.person import Everyone, Role, User

SOME = st.frozensets(st.sampled_from(sorted(PERMISSIONS)))


def a_caller(*permissions: str, name: str = "lan") -> Caller:
    return Caller(id=name, name=name, permissions=frozenset(permissions), way="cookie")


def a_user(name: str, *given: str) -> User:
    return User(id=name, name=name, roles=given, created_at=0, created_by="me")


@pytest.mark.requirement("H8.5")
@given(mine=SOME, theirs=SOME, wanted=SOME)
def test_what_is_given_was_had_by_who_gives_it(
    mine: frozenset[str], theirs: frozenset[str], wanted: frozenset[str]
) -> None:
    custom = {name: Role(name=name, permissions=tuple(held)) for name, held in (("a", theirs), ("b", wanted))}
    other = a_user("other", "a")
    everyone = Everyone({"other": other}, custom)
    try:
        rules.check_assigns(a_caller(*mine), other, ["b"], everyone)
    except HengioError:
        assert not theirs | wanted <= mine
    else:
        assert theirs | wanted <= mine


@pytest.mark.requirement("H8.6")
def test_a_regular_user_sees_the_executions_they_started_and_no_sensitive_variables() -> None:
    regular, admin = (a_caller(*roles.permissions([name], {})) for name in (roles.REGULAR, roles.ADMIN))
    assert visibility.sees_execution(regular, started_by="user:lan")
    for other in ("user:lan2", "cli:lan", "lan", "webhook", None):
        assert not visibility.sees_execution(regular, started_by=other)
        assert visibility.sees_execution(admin, started_by=other)
    assert not visibility.sees_execution(a_caller(), started_by="user:lan")
    assert (visibility.starter_seen(regular), visibility.starter_seen(admin)) == ("user:lan", None)
    assert visibility.sees_variable(regular, sensitive=False)
    assert not visibility.sees_variable(regular, sensitive=True)
    assert visibility.sees_variable(admin, sensitive=True)


@pytest.mark.requirement("H8.5")
def test_an_administrator_may_everything_and_a_role_that_is_gone_gives_nothing() -> None:
    assert roles.permissions([roles.ADMIN], {}) == PERMISSIONS
    assert roles.permissions(["gone"], {}) == frozenset()
    assert roles.permissions([roles.REGULAR], {}) < PERMISSIONS
