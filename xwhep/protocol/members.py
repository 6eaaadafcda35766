"""Messages about the members of a grid: users, hosts, groups, and the tokens they join with."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from xwhep.protocol.base import Cpu, Details, KindName, Moment, Name, Os, Reply, Request
from xwhep.rights import Role


class MemberFields(BaseModel):
    """What every member has."""

    name: Name


class WhoAmI(MemberFields, Reply):
    """The caller as the dispatcher knows it."""

    uid: UUID
    role: Role
    grid_uid: UUID


class UserView(MemberFields, Reply):
    """A user."""

    uid: UUID
    role: Role
    group_uid: UUID | None
    joined_at: Moment
    revoked_at: Moment | None


class HostView(MemberFields, Reply):
    """A host."""

    uid: UUID
    os: Os | None  #: None until its first poll
    cpu: Cpu | None
    owner_uid: UUID | None  #: who issued the token that it joined with; None: the grid's operator
    false_results: int  #: reports that did not stand up to checking
    kinds: dict[KindName, Details] = Field(default_factory=dict)  #: what each kind knows of it
    joined_at: Moment
    seen_at: Moment | None
    revoked_at: Moment | None


class CreateGroup(MemberFields, Request):
    """Create a group."""

    uid: UUID


class GroupView(MemberFields, Reply):
    """A group."""

    uid: UUID
    created_at: Moment


class CreateToken(Request):
    """Ask for a join token."""

    role: Role = Role.HOST
    uses: Annotated[int, Field(ge=1, le=1000)] = 1
    lifetime_s: Annotated[int, Field(ge=1, le=30 * 86400)] = 900
    group: Name | None = None


class TokenReply(Reply):
    """A join token, shown once."""

    token: str
    expires_at: Moment
