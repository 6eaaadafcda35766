"""Registering and reading apps and data."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy
from cachetools import LRUCache
from sqlalchemy import bindparam, insert
from sqlmodel import Session, col, select

from dispatcher.kinds.registry import Kinds
from dispatcher.storage.memory import memory_of
from dispatcher.storage.tables import App, AppTarget, Blob, Data
from dispatcher.usecases.access import body_digest, each, load_own, page, repeated
from xwhep.errors.requests import InvalidFieldError, NameTakenError, NotFoundError
from xwhep.lifecycle import DataStatus
from xwhep.protocol.apps import AppView, Limits, RegisterApp, Target
from xwhep.protocol.base import Page
from xwhep.protocol.data import DataView, RegisterData
from xwhep.rights import Caller
from xwhep.sql.prepared import PreparedRead, PreparedWrite

#: apps that are remembered
MOST_APPS: Final = 4096


def register_app(session: Session, kinds: Kinds, caller: Caller, request: RegisterApp, *, now: datetime) -> AppView:
    """Register a version of an app; sent again, it is the same registration.

    Raises:
        NameTakenError: the caller has this name and version already.
        InvalidFieldError: a program that the caller has not uploaded, or a kind that this grid does not run.
        XwhepError: the kind refuses what the app states.
    """
    digest = body_digest(request)
    if known := repeated(session, App, caller, request.uid, digest):
        return app_view(session, known)
    kinds.app(request.kind).check_apps([request])
    _check_app(session, caller, request)
    fields = request.model_dump(exclude={"targets", "limits"})
    app = App(**fields, limits=request.limits, owner_uid=caller.uid, body_digest=digest, registered_at=now)
    session.add(app)
    session.flush()
    session.add_all(AppTarget(app_uid=app.uid, **target.model_dump()) for target in request.targets)
    session.flush()
    return app_view(session, app)


def _check_app(session: Session, caller: Caller, request: RegisterApp) -> None:
    if len({(target.os, target.cpu) for target in request.targets}) != len(request.targets):
        raise InvalidFieldError("targets", "two targets are for the same platform")
    check_content(session, caller, [target.blob for target in request.targets], "targets.blob")
    same = select(App).where(App.owner_uid == caller.uid, App.name == request.name, App.version == request.version)
    if session.exec(same).first():
        raise NameTakenError("app", f"{request.name}:{request.version}")


def check_content(session: Session, caller: Caller, digests: Collection[str], field: str) -> None:
    """Check that the caller has uploaded all this content.

    Raises:
        InvalidFieldError: some of it is missing, or is somebody else's.
    """
    wanted = set(digests)
    if not wanted:
        return
    available = select(Data).where(Data.owner_uid == caller.uid, Data.status == DataStatus.AVAILABLE)
    missing = wanted - {data.digest for data in session.exec(available.where(col(Data.digest).in_(wanted)))}
    if missing:
        raise InvalidFieldError(field, f"you have no data with SHA-256 {min(missing)}; upload it first")


def load_app(session: Session, caller: Caller, uid: UUID) -> App:
    """Return an app that the caller may use.

    Raises:
        NotFoundError: there is none.
    """
    app = session.get(App, uid)
    if app is None or not _may_use(caller, app):
        raise NotFoundError("app", uid)
    return app


@dataclass(frozen=True, slots=True)
class AppFacts:
    """What each submission and each lease asks of an app; a version of an app never changes."""

    targets: tuple[Target, ...]
    uid: UUID
    owner_uid: UUID
    name: str
    kind: str
    limits: Limits
    for_everybody: bool


class _KnownApps(LRUCache[UUID, AppFacts]):
    """The apps that were used lately."""

    def __init__(self) -> None:
        super().__init__(MOST_APPS)


def known_app(session: Session, uid: UUID) -> AppFacts:
    """Return an app that there is.

    Raises:
        NotFoundError: there is none.
    """
    known = memory_of(session).recall(_KnownApps, _KnownApps)
    if (app := known.get(uid)) is None:
        found = _APP.all(session, app=uid)
        if not found:
            raise NotFoundError("app", uid)
        app = known[uid] = AppFacts(tuple(_TARGETS.all(session, app=uid)), *found[0])
    return app


def usable_app(session: Session, caller: Caller, uid: UUID) -> AppFacts:
    """Return an app that the caller may use.

    Raises:
        NotFoundError: there is none.
    """
    app = known_app(session, uid)
    if not _may_use(caller, app):
        raise NotFoundError("app", uid)
    return app


def _may_use(caller: Caller, app: App | AppFacts) -> bool:
    return app.for_everybody or caller.owns(app.owner_uid) or caller.may_use_every_app


def show_app(session: Session, caller: Caller, uid: UUID) -> AppView:
    """Return an app that the caller may use."""
    return app_view(session, load_app(session, caller, uid))


def list_apps(session: Session, caller: Caller, name: str | None, after: str | None) -> Page[AppView]:
    """Return the apps that the caller may use, newest first."""
    query = select(App)
    if not caller.may_use_every_app:
        own = select(App.uid).where(App.owner_uid == caller.uid)
        query = query.where(col(App.uid).in_(own.union_all(select(App.uid).where(col(App.for_everybody)))))
    if name is not None:
        query = query.where(App.name == name)
    order = (col(App.registered_at), col(App.uid))
    return page(session, query, order, after, lambda apps: app_views(session, apps))


def app_view(session: Session, app: App) -> AppView:
    """Return an app as messages show it."""
    return app_views(session, [app])[0]


def app_views(session: Session, apps: Sequence[App]) -> list[AppView]:
    """Return apps as messages show them."""
    targets: dict[UUID, list[AppTarget]] = {app.uid: [] for app in apps}
    for target in session.exec(select(AppTarget).where(col(AppTarget.app_uid).in_(targets))):
        targets[target.app_uid].append(target)
    return [
        AppView(
            **app.model_dump(include=set(AppView.model_fields) - {"limits"}),
            limits=app.limits,
            targets=[Target.model_validate(target, from_attributes=True) for target in targets[app.uid]],
        )
        for app in apps
    ]


_APP: Final = PreparedRead(
    sqlalchemy.select(
        col(App.uid), col(App.owner_uid), col(App.name), col(App.kind), col(App.limits), col(App.for_everybody)
    ).where(col(App.uid) == bindparam("app")),
    lambda *columns: columns,
)
_TARGETS: Final = PreparedRead(
    sqlalchemy.select(*(col(getattr(AppTarget, name)) for name in Target.model_fields)).where(
        col(AppTarget.app_uid) == bindparam("app")
    ),
    lambda *columns: Target.model_construct(**dict(zip(Target.model_fields, columns, strict=True))),
)


_BLOB: Final = PreparedRead(sqlalchemy.select(col(Blob.digest)).where(col(Blob.digest) == bindparam("blob")), str)
_CONTENT: Final = PreparedRead(
    sqlalchemy.select(col(Blob.content)).where(col(Blob.digest) == bindparam("blob")), lambda content: content
)
_ADD_BLOB: Final = PreparedWrite(insert(Blob))


# --- data ------------------------------------------------------------------------------------------------------------


def register_data(session: Session, caller: Caller, request: RegisterData, *, now: datetime) -> DataView:
    """Announce a data; its content is awaited, also if the grid holds the same from somebody else."""
    digest = body_digest(request)
    if known := repeated(session, Data, caller, request.uid, digest):
        return DataView.model_validate(known)
    data = Data(
        **request.model_dump(),
        owner_uid=caller.uid,
        status=DataStatus.AWAITED,
        body_digest=digest,
        registered_at=now,
    )
    session.add(data)
    session.flush()
    return DataView.model_validate(data)


def show_data(session: Session, caller: Caller, uid: UUID) -> DataView:
    """Return one of the caller's data."""
    return DataView.model_validate(load_own(session, Data, uid, caller, "data"))


def list_data(session: Session, caller: Caller, after: str | None) -> Page[DataView]:
    """Return the caller's data, newest first."""
    query = select(Data).where(Data.owner_uid == caller.uid)
    return page(session, query, (col(Data.registered_at), col(Data.uid)), after, each(DataView.model_validate))


def content_arrived(session: Session, caller: Caller, uid: UUID, *, now: datetime) -> DataView:
    """Note that the content of a data is on disk, whole and checked."""
    data = load_own(session, Data, uid, caller, "data")
    store_blob(session, data.digest, data.size_bytes, now=now)
    data.status = DataStatus.AVAILABLE
    session.flush()
    return DataView.model_validate(data)


def store_blob(session: Session, digest: str, size_bytes: int, *, content: bytes | None = None, now: datetime) -> None:
    """Note that content is on disk, or keep it if it is small enough to be given here; twice is once."""
    if not _BLOB.all(session, blob=digest):
        _ADD_BLOB.one(session, digest=digest, size_bytes=size_bytes, content=content, stored_at=now)


def small_content(session: Session, digest: str) -> bytes | None:
    """Return content that came inside a message; None if it is a file."""
    return next(iter(_CONTENT.all(session, blob=digest)), None)


def stored_blobs(session: Session, part: int) -> set[str]:
    """Return the digests of all content with a row whose first byte is `part`."""
    first, last = (f"{part:02x}".ljust(64, digit) for digit in "0f")
    return set(session.exec(select(Blob.digest).where(col(Blob.digest).between(first, last))))
