"""What people may do to people (H8.5, H8.7). Each rule raises the error that says why not.

Nobody gives away or takes over more than they have: who could reset an administrator's password, or make up a role with
all permissions, would be one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from hengio.access import roles
from hengio.access.permissions import Caller, unknown
from hengio.errors import Conflict, Forbidden, Refused
from hengio.model.person import Everyone, Role, User

USER_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
ROLE_NAME = re.compile(r"[^\W_][\w .-]{0,62}[\w]|[^\W_]")
LONGEST_PASSWORD = 256


def check_user_name(name: str) -> str:
    """The name in lower case."""
    lowered = name.lower()
    if not USER_NAME.fullmatch(lowered):
        raise Refused("this can not be a user's name", hint="letters a-z, digits, . _ @ and -, at most 64")
    return lowered


def check_password(password: str, *, name: str, least: int) -> str:
    """The password itself. No kinds of letters are asked for: length is what counts (NIST SP 800-63B)."""
    if not least <= len(password) <= LONGEST_PASSWORD:
        raise Refused(f"a password has {least} to {LONGEST_PASSWORD} letters")
    if password.lower() in {name, name * 2} or len(set(password)) < least // 3:
        raise Refused("this password is too easy to guess")
    return password


def check_role(caller: Caller, role: Role) -> None:
    """A custom role gives nothing that who makes it has not."""
    if role.name in roles.BUILTIN:
        raise Forbidden(f"the role '{role.name}' is built in")
    if not ROLE_NAME.fullmatch(role.name):
        raise Refused("this can not be a role's name", hint="letters, digits, blanks, . _ and -, at most 64")
    if wrong := unknown(role.permissions):
        raise Refused(f"there is no permission '{wrong[0]}'", hint="GET /api/roles lists them")
    _check_within(caller, role.permissions, what=f"the role '{role.name}'")


def check_manages(caller: Caller, user: User, everyone: Everyone) -> None:
    """Somebody who may more than the caller is not theirs to manage."""
    _check_within(caller, roles.permissions(user.roles, everyone.roles), what=f"'{user.name}'")


def check_assigns(caller: Caller, user: User, given: Collection[str], everyone: Everyone) -> None:
    """Whether the caller may give that user these roles in the place of those they have."""
    if caller.id == user.id:
        raise Forbidden("nobody changes their own roles")
    known = roles.every(everyone.roles)
    if missing := sorted(set(given) - set(known)):
        raise Refused(f"there is no role '{missing[0]}'", hint=f"there are {', '.join(sorted(known))}")
    check_manages(caller, user, everyone)
    _check_within(caller, roles.permissions(given, everyone.roles), what="these roles")


def check_scopes(scopes: Collection[str], permissions: frozenset[str]) -> None:
    """A token gives nothing that its user has not."""
    if not scopes:
        raise Refused("a token needs at least one scope", hint="scopes are permissions, such as job:read")
    if wrong := unknown(scopes):
        raise Refused(f"there is no permission '{wrong[0]}'")
    if more := sorted(set(scopes) - permissions):
        raise Forbidden(f"this user does not have {', '.join(more)}")


def check_administered(before: Everyone, changed: User) -> None:
    """Where somebody may do everything, somebody is left who may."""
    after = {**before.users, changed.id: changed}
    if _administered(before.users.values()) and not _administered(after.values()):
        raise Conflict("the last administrator can not be removed", hint=f"give another user the role {roles.ADMIN}")


def _administered(users: Iterable[User]) -> bool:
    return any(user.active and roles.ADMIN in user.roles for user in users)


def _check_within(caller: Caller, wanted: Iterable[str], *, what: str) -> None:
    if more := sorted(set(wanted) - caller.permissions):
        raise Forbidden(f"{what} may more than you: {', '.join(more)}")
