"""Who may do what: the roles of the grid.

Three roles and the service account of a bridge. Ownership is checked where a thing is loaded: a user reaches only what
is the user's own and what is built in, a bridge also everybody's apps (not their data, jobs or batches), a host only
what its live attempt names. This module knows no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID


class Role(StrEnum):
    """What a member of the grid is."""

    USER = "user"
    HOST = "host"
    SERVICE = "service"  #: a bridge, see `Caller.is_bridge`
    ADMINISTRATOR = "administrator"


#: those who own apps, data and jobs
OWNERS: Final = frozenset({Role.USER, Role.SERVICE, Role.ADMINISTRATOR})
ADMINISTRATORS: Final = frozenset({Role.ADMINISTRATOR})
HOSTS: Final = frozenset({Role.HOST})
EVERY_MEMBER: Final = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, as the database knows the key of its certificate."""

    uid: UUID
    role: Role
    name: str

    def owns(self, owner_uid: UUID) -> bool:
        """Tell whether the caller may read and change what `owner_uid` owns; an administrator may."""
        return self.uid == owner_uid or self.role is Role.ADMINISTRATOR

    @property
    def is_bridge(self) -> bool:
        """Whether the caller carries requests to the grid from elsewhere, such as a chain.

        Beside what a user may, it may use derived ids (UUID version 8) and say who asked for a batch.
        """
        return self.role is Role.SERVICE

    @property
    def may_use_every_app(self) -> bool:
        """Whether the caller may submit to apps that others registered: an administrator, and a bridge.

        Which of them strangers reach through a bridge is for the bridge's own list to say.
        """
        return self.is_bridge or self.role is Role.ADMINISTRATOR
