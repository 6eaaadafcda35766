"""A member's way to its dispatcher: the identity in a folder, renewed when that is due, and a connection with it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from xwhep.client.connection import Connection
from xwhep.client.enrolment import renew
from xwhep.client.owner import OwnerClient
from xwhep.errors.jobs import UnavailableError
from xwhep.pki.certificates import due_for_renewal
from xwhep.pki.identity import Identity, explain, load_identity
from xwhep.world import REAL, World

LOGIN_COMMAND: Final = "xwhep login URL --token TOKEN"
#: how long a request is repeated while the dispatcher does not answer, seconds
PATIENCE_S: Final = 5.0


@contextlib.asynccontextmanager
async def open_owner(folder: Path, world: World = REAL) -> AsyncIterator[OwnerClient]:
    """Open the interface as the user whose identity is in `folder`.

    Raises:
        NotJoinedError, IdentityDamagedError: as `load_identity`.
        XwhepError: whatever the identity suffers from, where the dispatcher cannot be reached with it.
    """
    identity = await fresh_identity(load_identity(folder, LOGIN_COMMAND), world)
    async with Connection.of(identity, patience_s=PATIENCE_S, world=world) as connection:
        yield OwnerClient(connection)


async def fresh_identity(identity: Identity, world: World = REAL) -> Identity:
    """Return the identity, renewed if that is due; one that still holds may be renewed another day.

    Raises:
        XwhepError: the identity has expired and could not be renewed, or its key is known no more.
    """
    if not due_for_renewal(identity.certificate, world.now()):
        return identity
    try:
        return await renew(identity, world)
    except UnavailableError as error:
        fault = explain(identity, world.now())
        if fault is not None:
            raise fault from error
        return identity
