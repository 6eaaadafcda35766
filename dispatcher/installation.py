"""A dispatcher's folder: made once by `init`, opened by `serve` and by the commands beside it.

dispatcher/names.json     the names in the server's certificate
dispatcher/ca/            the grid's authority
dispatcher/server/        the server's key and certificate
dispatcher/grid.sqlite    the database
dispatcher/blobs/         content
dispatcher/lock           held by the dispatcher that serves
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlmodel import Session, select

from dispatcher import authority
from dispatcher.admission import DEFAULT_BOUNDS, PeerBounds
from dispatcher.authority import Authority
from dispatcher.kinds.contract import BuiltInApp
from dispatcher.kinds.registry import Kinds
from dispatcher.services import Services
from dispatcher.storage.blobs import BlobStore
from dispatcher.storage.database import Database
from dispatcher.storage.schema import SCHEMA
from dispatcher.storage.tables import App, Grid
from dispatcher.usecases import members
from dispatcher.usecases.members import Newcomer
from xwhep.errors.installations import (
    AlreadyInstalledError,
    DatabaseDamagedError,
    DatabaseMissingError,
    NotInstalledError,
)
from xwhep.files import make_private_folder, replace_file
from xwhep.pki.identity import Identity, joining_key, store_identity
from xwhep.pki.keys import public_key_digest
from xwhep.rights import Role
from xwhep.world import REAL, World


@dataclass(frozen=True, slots=True)
class Installation:
    """Where a dispatcher keeps what it has."""

    folder: Path

    @property
    def names_file(self) -> Path:
        """The names of the server."""
        return self.folder / "names.json"

    @property
    def ca(self) -> Path:
        """The folder of the authority."""
        return self.folder / "ca"

    @property
    def server(self) -> Path:
        """The folder of the server's key and certificate."""
        return self.folder / "server"

    @property
    def database(self) -> Path:
        """The file of the database."""
        return self.folder / "grid.sqlite"

    @property
    def lock(self) -> Path:
        """The file whose lock the server holds; commands beside it do not."""
        return self.folder / "lock"

    def check(self) -> None:
        """Check that there is a dispatcher.

        Raises:
            NotInstalledError: there is none.
        """
        if not self.names_file.exists():
            raise NotInstalledError(self.folder)

    def names(self) -> list[str]:
        """Return the names under which the dispatcher is reached."""
        names: list[str] = json.loads(self.names_file.read_text(encoding="utf-8"))
        return names

    def open_authority(self) -> Authority:
        """Return the grid's authority."""
        return authority.load(self.ca)

    def open(self, kinds: Kinds, bounds: PeerBounds = DEFAULT_BOUNDS, world: World = REAL) -> Services:
        """Return the parts of the dispatcher that lives here.

        Raises:
            NotInstalledError: none does.
            DatabaseMissingError, DatabaseDamagedError, SchemaMismatchError: as `open_database`.
        """
        store = BlobStore(self.folder / "blobs")
        return Services(self.open_database(), store, self.open_authority(), kinds, bounds, world)

    def open_database(self) -> Database:
        """Return the database; a dispatcher may be running beside.

        Raises:
            NotInstalledError: there is no dispatcher here.
            DatabaseMissingError: its file is not there; none is made.
            DatabaseDamagedError: it is not what `install` has made.
            SchemaMismatchError: it is of another version.
        """
        self.check()
        if not self.database.exists():
            raise DatabaseMissingError(self.database)
        with contextlib.ExitStack() as opened:
            database = opened.enter_context(contextlib.closing(Database(self.database)))
            if not database.run_now(_holds_grid):
                raise DatabaseDamagedError(self.database, "it does not hold a grid")
            opened.pop_all()
        return database


def _holds_grid(session: Session) -> bool:
    return SCHEMA.check(session.connection()) and session.exec(select(Grid)).first() is not None


def install(folder: Path, names: Sequence[str], admin: tuple[Path, str, str], world: World = REAL) -> Identity:
    """Make a dispatcher and its first administrator.

    `admin` is the folder for the administrator's identity, the name, and the dispatcher's address as the administrator
    reaches it. The file of names is written last: until then nothing counts as installed.

    Raises:
        AlreadyInstalledError: there is one in the folder.
        InvalidFieldError: a name is none.
    """
    installation = Installation(folder)
    if installation.names_file.exists():
        raise AlreadyInstalledError(folder)
    authority.server_names(names)
    make_private_folder(folder)
    for left in (installation.database, *folder.glob("grid.sqlite-*")):
        left.unlink(missing_ok=True)  # of an installation that was cut short
    grid_uid, now = world.new_uid(), world.now()
    if not (installation.ca / "ca.pem").exists():
        authority.save(authority.create(grid_uid, now), installation.ca)
    grid_authority = authority.load(installation.ca)
    grid_authority.ensure_server_certificate(installation.server, names, now)
    database = Database(installation.database)
    identity = database.run_now(_begin, grid_uid, grid_authority, admin, world)
    database.close()
    replace_file(installation.names_file, json.dumps(list(names)).encode())
    return identity


def _begin(
    session: Session, grid_uid: UUID, grid_authority: Authority, admin: tuple[Path, str, str], world: World
) -> Identity:
    """Write the first rows: the grid, its administrator, the app that it brings along."""
    (folder, name, url), now = admin, world.now()
    SCHEMA.create(session.connection())
    session.add(Grid(uid=grid_uid, created_at=now))
    session.flush()
    key = joining_key(folder)
    newcomer = Newcomer(world.new_uid(), name, public_key_digest(key))
    membership = members.add_member(session, newcomer, Role.ADMINISTRATOR, now=now)
    for kind in Kinds.load():
        if kind.built_in is not None:
            session.add(_built_in_app(kind.name, kind.built_in, membership.member.uid, now))
    session.flush()
    certificate = grid_authority.issue_member(key.public_key(), membership.member, name, now)
    return store_identity(folder, url, certificate, grid_authority.cas)


def _built_in_app(kind: str, app: BuiltInApp, owner_uid: UUID, now: datetime) -> App:
    """Return the row of an app that the dispatcher brings along."""
    fields = {"uid": app.uid, "name": app.name, "version": app.version, "kind": kind, "limits": app.limits}
    whose = {"owner_uid": owner_uid, "built_in": True, "for_everybody": True}
    return App.model_validate({**fields, **whose, "body_digest": "", "registered_at": now})
