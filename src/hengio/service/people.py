"""Users and roles: what people ask about people (H8.5, H8.7). The rules are in `access/rules`; they are applied to the
state that is written on, in one transaction with the audit entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from hengio.access import roles, rules
from hengio.access.permissions import Caller
from hengio.clock import Clock
from hengio.errors import Conflict, NotFound
from hengio.ids import new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.person import Everyone, Role, User
from hengio.service.passwords import Passwords, random_password
from hengio.storage.people import Change
from hengio.storage.protocol import Storage

FIRST = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleService:
    """Who there is and what they may. `least` is how many letters a password has at least."""

    storage: Storage
    passwords: Passwords
    clock: Clock
    least: int

    async def everyone(self) -> Everyone:
        """Those who were deleted, too."""
        return await self.storage.people.everyone()

    async def find(self, named: str) -> User:
        """By id or name. Raises `NotFound`, also for who was deleted."""
        return _find(await self.everyone(), named)

    async def first(self) -> str | None:
        """Where nobody was ever there, make `admin` with a random password, which is returned and known to nobody else;
        else None. Of several processes one makes it."""
        if (await self.everyone()).users:
            return None
        password = random_password()
        made = self._user(FIRST, by="hengio", password=await self.passwords.hashed(password), given=(roles.ADMIN,))
        entry = self._told("user.created", FIRST, actor="hengio", detail={"roles": list(made.roles), "first": True})

        def decide(everyone: Everyone) -> Change | None:
            return None if everyone.users else Change(entry=entry, users=[made])

        return None if await self.storage.people.change(decide) is None else password

    async def create(self, caller: Caller, name: str, *, password: str, given: Sequence[str]) -> User:
        """A user who may log in. `Conflict` where somebody has or had that name."""
        name = rules.check_user_name(name)
        rules.check_password(password, name=name, least=self.least)
        made = self._user(name, by=caller.actor, password=await self.passwords.hashed(password), given=given)

        def decide(everyone: Everyone) -> Change:
            if everyone.named(name) is not None:
                raise Conflict(f"the name '{name}' belongs or belonged to somebody")
            rules.check_assigns(caller, made, made.roles, everyone)
            return Change(entry=self._entry("user.created", caller, made.name, roles=list(made.roles)), users=[made])

        await self.storage.people.change(decide)
        return made

    async def enable(self, caller: Caller, named: str, *, enabled: bool) -> User:
        """Let them in, or keep them out from this moment on: their sessions end, their tokens lead nowhere."""
        action: AuditAction = "user.enabled" if enabled else "user.disabled"
        return await self._change(caller, named, action, lambda user: replace(user, enabled=enabled), ends=not enabled)

    async def delete(self, caller: Caller, named: str) -> User:
        """For good; their name is nobody else's afterwards."""
        gone = {"enabled": False, "deleted": True, "password": None, "roles": ()}
        return await self._change(
            caller, named, "user.deleted", lambda user: replace(user, **gone), ends=True, tokens=True
        )

    async def set_password(self, caller: Caller, named: str, password: str) -> User:
        """Another password. Their sessions end, wherever they are."""
        user = await self.find(named)
        rules.check_password(password, name=user.name, least=self.least)
        hashed = await self.passwords.hashed(password)
        return await self._change(
            caller, user.id, "user.password_changed", lambda user: replace(user, password=hashed), ends=True
        )

    async def assign(self, caller: Caller, named: str, given: Sequence[str]) -> User:
        """Give them these roles instead of those they have; their sessions end. Nobody's own."""
        wanted = tuple(sorted(set(given)))

        def decide(everyone: Everyone) -> Change:
            user = _find(everyone, named)
            rules.check_assigns(caller, user, wanted, everyone)
            changed = replace(user, roles=wanted)
            rules.check_administered(everyone, changed)
            entry = self._entry("user.roles_changed", caller, user.name, before=list(user.roles), after=list(wanted))
            return Change(entry=entry, users=[changed], sessions_of=[user.id])

        return _changed(await self.storage.people.change(decide))

    async def set_role(self, caller: Caller, role: Role) -> Role:
        """Create or replace a custom role. Who has it may, from their next request on, what it says now."""

        def decide(everyone: Everyone) -> Change:
            rules.check_role(caller, role)
            if (before := everyone.roles.get(role.name)) is not None:
                rules.check_role(caller, before)
            detail = {"before": list(before.permissions) if before else [], "after": list(role.permissions)}
            return Change(entry=self._entry("role.set", caller, role.name, **detail), roles=[role])

        await self.storage.people.change(decide)
        return role

    async def delete_role(self, caller: Caller, name: str) -> None:
        """Take a custom role away from everybody; their sessions end. `Conflict` for one that is built in."""

        def decide(everyone: Everyone) -> Change:
            if name in roles.BUILTIN:
                raise Conflict(f"the role '{name}' is built in")
            if name not in everyone.roles:
                raise NotFound(f"there is no role '{name}'")
            rules.check_role(caller, everyone.roles[name])
            held = [user for user in everyone.users.values() if name in user.roles]
            changed = [replace(user, roles=tuple(one for one in user.roles if one != name)) for user in held]
            entry = self._entry("role.deleted", caller, name, users=[user.name for user in held])
            return Change(entry=entry, users=changed, dropped=[name], sessions_of=[user.id for user in held])

        await self.storage.people.change(decide)

    async def _change(
        self,
        caller: Caller,
        named: str,
        action: AuditAction,
        change: Callable[[User], User],
        *,
        ends: bool,
        tokens: bool = False,
    ) -> User:
        def decide(everyone: Everyone) -> Change:
            user = _find(everyone, named)
            rules.check_manages(caller, user, everyone)
            changed = change(user)
            if user.active and not changed.active:
                rules.check_administered(everyone, changed)
            return Change(
                entry=self._entry(action, caller, user.name),
                users=[changed],
                sessions_of=[user.id] if ends else [],
                tokens_of=[user.id] if tokens else [],
            )

        return _changed(await self.storage.people.change(decide))

    def _user(self, name: str, *, by: str, password: str, given: Sequence[str]) -> User:
        return User(
            id=new_id(),
            name=name,
            password=password,
            roles=tuple(sorted(set(given))),
            created_at=self.clock.now(),
            created_by=by,
        )

    def _entry(self, action: AuditAction, caller: Caller, subject: str, **detail: object) -> AuditEntry:
        told = {**detail, "from": caller.address} if caller.address else detail
        return self._told(action, subject, actor=caller.actor, detail=told)

    def _told(self, action: AuditAction, subject: str, *, actor: str, detail: dict[str, object]) -> AuditEntry:
        return AuditEntry(
            id=new_id(), at=self.clock.now(), action=action, actor=actor, subject=subject, detail=dict(detail)
        )


def _find(everyone: Everyone, named: str) -> User:
    user = everyone.users.get(named) or everyone.named(named.lower())
    if user is None or user.deleted:
        raise NotFound("there is no such user")
    return user


def _changed(change: Change | None) -> User:
    assert change is not None
    return change.users[0]
