"""The members of the grid: who a key belongs to, how newcomers join, who is revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import exists, func, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from dispatcher.kinds.registry import Kinds
from dispatcher.storage.member_tables import Group, Host, MemberKey, Token, User
from dispatcher.storage.tables import Grid
from dispatcher.usecases.access import body_digest, changed, each, page, repeated
from dispatcher.usecases.own import own_rows
from dispatcher.usecases.slices import take_back
from xwhep.errors.identity import LastAdministratorError, RevokedError, TokenRefusedError, UnknownIdentityError
from xwhep.errors.requests import NameTakenError, NotFoundError
from xwhep.members import Kind, Member
from xwhep.protocol.base import Details, Page
from xwhep.protocol.members import CreateGroup, CreateToken, GroupView, HostView, UserView, WhoAmI
from xwhep.rights import Caller, Role

RowT = TypeVar("RowT", Host, User)

KIND_OF_ROLE = {
    Role.HOST: Kind.HOST,
    Role.USER: Kind.USER,
    Role.ADMINISTRATOR: Kind.USER,
    Role.SERVICE: Kind.SERVICE,
}


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A member to be."""

    uid: UUID  #: fresh
    name: str
    key_digest: str  #: of the own key


@dataclass(frozen=True, slots=True)
class Membership:
    """What a certificate is made from."""

    member: Member
    name: str


def grid_uid(session: Session) -> UUID:
    """Return the id of this grid."""
    return session.exec(select(Grid)).one().uid


def identify(session: Session, key_digest: str) -> Caller:
    """Return whose key this is.

    Raises:
        UnknownIdentityError: nobody's.
        RevokedError: its owner was revoked.
    """
    row, role = _owner_of(session, key_digest)
    if row.revoked_at is not None:
        raise RevokedError
    return Caller(row.uid, role, row.name)


def _owner_of(session: Session, key_digest: str) -> tuple[User | Host, Role]:
    key = session.get(MemberKey, key_digest)
    if key is None:
        raise UnknownIdentityError
    if key.host_uid is not None:
        return session.get_one(Host, key.host_uid), Role.HOST
    user = session.get_one(User, key.user_uid)
    return user, user.role


def whoami(session: Session, caller: Caller) -> WhoAmI:
    """Return the caller as the grid knows it."""
    return WhoAmI(uid=caller.uid, role=caller.role, name=caller.name, grid_uid=grid_uid(session))


# --- joining ---------------------------------------------------------------------------------------------------------


def create_token(
    session: Session, issuer_uid: UUID | None, request: CreateToken, digest: str, *, now: datetime
) -> datetime:
    """Keep a join token, by the digest of its secret, and return when it ends.

    `issuer_uid` is the user who asks, and will own the hosts that join with it; None: the operator of the grid.

    Raises:
        NotFoundError: no group has this name.
    """
    group_uid = None
    if request.group is not None:
        group = session.exec(select(Group).where(Group.name == request.group)).first()
        if group is None:
            raise NotFoundError("group", request.group)
        group_uid = group.uid
    expires_at = now + timedelta(seconds=request.lifetime_s)
    session.add(
        Token(
            digest=digest,
            role=request.role,
            group_uid=group_uid,
            issuer_uid=issuer_uid,
            uses_left=request.uses,
            expires_at=expires_at,
        )
    )
    session.flush()
    return expires_at


def join(session: Session, newcomer: Newcomer, kind: Kind, token_digest: str, *, now: datetime) -> Membership:
    """Make a newcomer a member; a join sent again with the same key is the same join and uses nothing up.

    `token_digest` is the digest of the token's secret.

    Raises:
        TokenRefusedError: the token is unknown, expired, used up, or for another kind of member.
        RevokedError: the key's owner was revoked.
    """
    token = session.get(Token, token_digest)
    if token is None or token.expires_at <= now or KIND_OF_ROLE[token.role] is not kind:
        raise TokenRefusedError
    if session.get(MemberKey, newcomer.key_digest) is not None:
        return renew(session, newcomer.key_digest)
    using = update(Token).where(col(Token.digest) == token.digest, col(Token.uses_left) > 0)
    if not changed(session, using.values(uses_left=col(Token.uses_left) - 1)):
        raise TokenRefusedError
    return add_member(session, newcomer, token.role, invited_by=token, now=now)


def add_member(
    session: Session, newcomer: Newcomer, role: Role, *, invited_by: Token | None = None, now: datetime
) -> Membership:
    """Add a member with its key; without a token it is the first administrator."""
    uid = newcomer.uid
    group_uid = None if invited_by is None else invited_by.group_uid
    fields = {"uid": uid, "name": newcomer.name, "group_uid": group_uid, "joined_at": now}
    if role is Role.HOST:
        owner_uid = None if invited_by is None else invited_by.issuer_uid
        session.add(Host.model_validate({**fields, "owner_uid": owner_uid}))
        key = MemberKey(digest=newcomer.key_digest, host_uid=uid)
    else:
        session.add(User.model_validate({**fields, "role": role}))
        key = MemberKey(digest=newcomer.key_digest, user_uid=uid)
    session.flush()
    session.add(key)
    session.flush()
    return Membership(Member(grid_uid(session), KIND_OF_ROLE[role], uid), newcomer.name)


def renew(session: Session, key_digest: str) -> Membership:
    """Return what to certify for a member's key again. Only reads.

    Raises:
        UnknownIdentityError: nobody's key.
        RevokedError: its owner was revoked.
    """
    caller = identify(session, key_digest)
    return Membership(Member(grid_uid(session), KIND_OF_ROLE[caller.role], caller.uid), caller.name)


# --- hosts, users, groups --------------------------------------------------------------------------------------------


def list_hosts(session: Session, kinds: Kinds, after: str | None) -> Page[HostView]:
    """Return all hosts, the newest first."""
    order = (col(Host.joined_at), col(Host.uid))
    return page(session, select(Host), order, after, lambda hosts: host_views(session, kinds, hosts))


def show_host(session: Session, kinds: Kinds, uid: UUID) -> HostView:
    """Return a host."""
    return host_views(session, kinds, [_load(session, Host, uid)])[0]


def host_views(session: Session, kinds: Kinds, hosts: Sequence[Host]) -> list[HostView]:
    """Return hosts as messages show them, with what each kind knows of them."""
    known: dict[UUID, dict[str, Details]] = {host.uid: {} for host in hosts}
    for kind in kinds:
        rows = own_rows(session, kind.own.host, known)
        for uid, details in zip(rows, kind.host_views(list(rows.values())), strict=True):
            known[uid][kind.name] = details
    return [HostView(**host.model_dump(exclude={"group_uid"}), kinds=known[host.uid]) for host in hosts]


def revoke_host(session: Session, kinds: Kinds, uid: UUID, *, now: datetime) -> HostView:
    """Revoke a host and give its attempts to others; doing it twice is doing it once."""
    revoking = update(Host).where(col(Host.uid) == uid, col(Host.revoked_at).is_(None))
    if changed(session, revoking.values(revoked_at=now)):
        take_back(session, kinds, now=now)
    return show_host(session, kinds, uid)


def revocations(session: Session) -> int:
    """Return how many members were ever revoked."""
    counts = (select(func.count()).where(col(table.revoked_at).is_not(None)) for table in (Host, User))
    return sum(session.exec(count).one() for count in counts)


def list_users(session: Session, after: str | None) -> Page[UserView]:
    """Return all users, the newest first."""
    return page(session, select(User), (col(User.joined_at), col(User.uid)), after, each(UserView.model_validate))


def revoke_user(session: Session, uid: UUID, *, now: datetime) -> UserView:
    """Revoke a user; what the user had submitted goes on. Doing it twice is doing it once.

    Raises:
        LastAdministratorError: nobody could invite or revoke anybody afterwards.
    """
    administrators = aliased(User)
    others = select(administrators.uid).where(
        col(administrators.role) == Role.ADMINISTRATOR,
        col(administrators.revoked_at).is_(None),
        col(administrators.uid) != uid,
    )
    revoking = update(User).where(col(User.uid) == uid, col(User.revoked_at).is_(None))
    is_spare = or_(col(User.role) != Role.ADMINISTRATOR, exists(others))
    changed(session, revoking.where(is_spare).values(revoked_at=now))
    user = _load(session, User, uid)
    if user.revoked_at is None:
        raise LastAdministratorError(user.name)
    return UserView.model_validate(user)


def revoke_member(session: Session, kinds: Kinds, uid: UUID, *, now: datetime) -> HostView | UserView:
    """Revoke whoever has this id, a host or a user.

    Raises:
        NotFoundError: nobody has it.
        LastAdministratorError: as `revoke_user`.
    """
    if session.get(Host, uid) is None:
        return revoke_user(session, uid, now=now)
    return revoke_host(session, kinds, uid, now=now)


def _load(session: Session, table: type[RowT], uid: UUID) -> RowT:
    row = session.get(table, uid, populate_existing=True)
    if row is None:
        raise NotFoundError("member", uid)
    return row


def create_group(session: Session, caller: Caller, request: CreateGroup, *, now: datetime) -> GroupView:
    """Create a group.

    Raises:
        NameTakenError: there is one of this name.
    """
    digest = body_digest(request)
    group = repeated(session, Group, caller, request.uid, digest)
    if group is None:
        if session.exec(select(Group).where(Group.name == request.name)).first():
            raise NameTakenError("group", request.name)
        group = Group(**request.model_dump(), owner_uid=caller.uid, body_digest=digest, created_at=now)
        session.add(group)
        session.flush()
    return GroupView.model_validate(group)


def list_groups(session: Session, after: str | None) -> Page[GroupView]:
    """Return all groups, the newest first."""
    return page(session, select(Group), (col(Group.created_at), col(Group.uid)), after, each(GroupView.model_validate))
