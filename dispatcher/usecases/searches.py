"""The life of a vanity search: blinded at first, sliced into units as hosts ask, ended by the first true hit."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any, Final, cast
from uuid import UUID

from cachetools import LRUCache, cached
from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import QueryableAttribute, defer
from sqlmodel import Session, col, select

from dispatcher.scheduling.leases import unit_steps
from dispatcher.scheduling.matching import Requirement
from dispatcher.storage.tables import App, Attempt, Batch, Fault, Host, Job, Search
from dispatcher.usecases.credit import add_share
from dispatcher.usecases.jobs import class_of, close, stop
from xwhep.errors.jobs import FalseResultError
from xwhep.ids import derived_uid
from xwhep.lifecycle import OPEN, AttemptStatus, Event, Status, advance
from xwhep.protocol.apps import Kind
from xwhep.protocol.attempts import VanityWork, unit_fields
from xwhep.protocol.batches import HitView, SearchFields, SearchView, SubmitSearch
from xwhep.protocol.jobs import JobWork
from xwhep.secp256k1 import N, Point, decode, encode
from xwhep.vanity.effort import effort
from xwhep.vanity.errors import KeyUsedError
from xwhep.vanity.shares import share_target
from xwhep.vanity.split_key import Hit, blind, hit_public_key, unblind
from xwhep.vanity.target_fields import TargetFields
from xwhep.vanity.targets import Target
from xwhep.vanity.units import Unit, keys_of, unit_uid, verify
from xwhep.vanity.wanted import Found, Wanted

#: the app that the dispatcher brings along
VANITY_APP_UID = derived_uid("xwhep/builtin-app/1", b"vanity")
#: thousands, perhaps, that nobody looks at in a list
_TARGET: Final = cast("QueryableAttribute[Any]", Search.target)  # SQLModel types the attribute as its value
#: of the targets that are kept in memory, some 200 bytes each
MOST_RANGES: Final = 500_000
_ASKED_FOR: Final = set(SearchFields.model_fields)


def begin(session: Session, batch: Batch, request: SubmitSearch, wanted: Wanted) -> None:
    """Begin a search for what its request wants: check the key, and blind the key with a number that no host learns.

    Raises:
        PublicKeyError: the key is not a point of the curve.
        KeyUsedError: the key served an earlier search.
    """
    public_key = decode(bytes.fromhex(request.public_key))
    if session.exec(select(Search).where(Search.public_key == request.public_key)).first():
        raise KeyUsedError
    r = secrets.randbelow(N - 1) + 1
    batch.match_class = class_of(session, Requirement(Kind.VANITY, forms=frozenset(wanted.forms)))
    search = Search(
        **request.model_dump(include=_ASKED_FOR),
        batch_uid=batch.uid,
        blinding=r.to_bytes(32, "big").hex(),
        blinded_key=encode(blind(public_key, r)).hex(),
        target=TargetFields.of(wanted.target),
        difficulty=float(wanted.difficulty),
    )
    session.add(search)


def next_unit(session: Session, batch: Batch, keys_per_s: float, *, now: datetime) -> Job:
    """Return the job of the next unit of a search, sized for a host that tries so many compressed keys a second."""
    search = session.get_one(Search, batch.uid, options=[defer(_TARGET)])
    app = session.get_one(App, VANITY_APP_UID)
    assert batch.match_class is not None
    keys_a_step = keys_of(1, plain=search.plain)
    job = Job(
        uid=unit_uid(batch.uid, search.next_number),
        owner_uid=batch.owner_uid,
        app_uid=app.uid,
        batch_uid=batch.uid,
        match_class=batch.match_class,
        work=JobWork(),
        limits=app.limits,
        unit_number=search.next_number,
        unit_keys=unit_steps(keys_per_s / _effort(search), keys_a_step) * keys_a_step,
        attempts_allowed=1,  # a lost unit is not repeated: the next one is as good
        body_digest="",
        submitted_at=now,
    )
    search.next_number += 1
    batch.served_at = now
    session.add(job)
    session.flush()
    return job


def effort_of(session: Session, job: Job) -> float:
    """Return how long a key of a unit takes, as a multiple of what a compressed key takes."""
    return _effort(_search_of(session, job))


def work_of(session: Session, job: Job) -> VanityWork:
    """Return what a host is told of a unit."""
    unit = _unit(_search_of(session, job), job)
    return VanityWork(**unit_fields(unit), batch_uid=unit.batch)


def settle_hit(session: Session, attempt: Attempt, job: Job, hit: Hit, *, now: datetime) -> FalseResultError | None:
    """Check a hit with curve arithmetic: a share is credited to the host, and if it is what is wanted, ends the search.

    A false one is put on the host's record, and its error is returned, not raised: what is written here stays.

    Raises:
        ShareClaimedError: the attempt reported it before.
    """
    search = _search_of(session, job)
    unit = _unit(search, job)
    try:
        verify(unit, hit)
    except FalseResultError as error:
        _refuse(session, attempt, job, error, now=now)
        return error
    add_share(session, attempt, hit, unit.target)
    key = hit_public_key(unit.public_key, hit)
    if _target(search).match(key) and (found := search.wanted().find(key)):
        _end(session, attempt, job, (hit, found), now=now)
    return None


def _end(session: Session, attempt: Attempt, job: Job, found: tuple[Hit, Found], *, now: datetime) -> None:
    """End a search with what was found in a unit, a hit and its address."""
    search = session.get_one(Search, job.batch_uid)
    _keep(search, job, *found)
    end_unit(session, attempt, job, AttemptStatus.FINISHED, Event.COMPLETED, now=now)
    session.get_one(Batch, search.batch_uid).ended_at = now
    session.flush()
    stop_jobs(session, search.batch_uid, now=now)


def _search_of(session: Session, job: Job) -> Search:
    """Return the search of a unit, without its target until that is asked for."""
    return session.get_one(Search, job.batch_uid, options=[defer(_TARGET)])


def _effort(search: Search) -> float:
    return effort(_target(search), plain=search.plain)


def _unit(search: Search, job: Job) -> Unit:
    assert job.unit_number is not None
    assert job.unit_keys is not None
    return Unit(
        batch=search.batch_uid,
        number=job.unit_number,
        steps=job.unit_keys // keys_of(1, plain=search.plain),
        public_key=_point(search.blinded_key),
        target=_target(search, job.unit_keys),
        plain=search.plain,
    )


def _refuse(session: Session, attempt: Attempt, job: Job, error: FalseResultError, *, now: datetime) -> None:
    fault = Fault(
        host_uid=attempt.host_uid, job_uid=job.uid, attempt=attempt.number, code=error.code, text=error.text, at=now
    )
    session.add(fault)
    host = session.get_one(Host, attempt.host_uid)
    host.false_results += 1
    attempt.keys_tried = 0  # nothing that this attempt says is believed
    close(attempt, AttemptStatus.LOST, error.text, now=now)
    job.status = advance(job.status, Event.ATTEMPTS_USED_UP)
    job.ended_at = now


def _keep(search: Search, job: Job, hit: Hit, found: Found) -> None:
    """Write down the one result of a search, as the requester can use it: without the blinding."""
    true_hit = unblind(hit, int(search.blinding, 16))
    search.result_s = true_hit.s.to_bytes(32, "big").hex()
    search.result_e, search.result_sign = true_hit.e, true_hit.sign
    search.result_address = found.address
    search.result_job_uid = job.uid


def end_unit(session: Session, attempt: Attempt, job: Job, end: AttemptStatus, event: Event, *, now: datetime) -> None:
    """End a unit with its attempt, and add the keys it tried to the search."""
    close(attempt, end, attempt.reason, now=now)
    job.status = advance(job.status, event)
    job.ended_at = now
    session.get_one(Search, job.batch_uid).keys_tried += attempt.keys_tried


def stop_jobs(session: Session, batch_uid: UUID, *, now: datetime) -> None:
    """Cancel the jobs of a batch that have not ended; their hosts hear of it with their next heartbeat."""
    live = select(Attempt).join(Job, col(Job.uid) == col(Attempt.job_uid)).where(*_at_work([batch_uid]))
    running = {attempt.job_uid: attempt for attempt in session.exec(live)}
    open_jobs = select(Job).where(Job.batch_uid == batch_uid, col(Job.status).in_(OPEN))
    for job in session.exec(open_jobs).all():
        stop(job, running.get(job.uid), now=now)
    search = session.get(Search, batch_uid)
    if search is not None:
        search.keys_tried += sum(attempt.keys_tried for attempt in running.values())


def views(session: Session, batch_uids: Collection[UUID]) -> dict[UUID, SearchView]:
    """Return how far searches are."""
    at_work = (
        select(
            Job.batch_uid,
            func.count(func.distinct(Attempt.host_uid)),
            func.sum(Attempt.keys_tried),
            func.sum(Attempt.keys_per_s),
        )
        .join(Attempt, col(Attempt.job_uid) == col(Job.uid))
        .where(*_at_work(batch_uids))
        .group_by(col(Job.batch_uid))
    )
    figures = {uid: (hosts, keys, rate) for uid, hosts, keys, rate in session.exec(at_work)}
    asked = select(Search).where(col(Search.batch_uid).in_(batch_uids))
    found = session.exec(asked.options(defer(_TARGET)))
    return {search.batch_uid: _view(search, *figures.get(search.batch_uid, (0, 0, 0.0))) for search in found}


def _at_work(batch_uids: Collection[UUID]) -> tuple[ColumnElement[bool], ...]:
    """Return what holds for the live attempts of batches, joined with their jobs."""
    return col(Job.batch_uid).in_(batch_uids), col(Job.status) == Status.RUNNING, col(Attempt.ended_at).is_(None)


def _view(search: Search, hosts: int, keys_tried: int, keys_per_s: float) -> SearchView:
    return SearchView(
        **search.model_dump(include={*_ASKED_FOR, "difficulty"}),
        keys_tried=search.keys_tried + keys_tried,
        keys_per_s=keys_per_s,
        hosts=hosts,
        result=_result(search),
    )


def _result(search: Search) -> HitView | None:
    if search.result_s is None:
        return None
    return HitView.model_validate(
        {"s": search.result_s, "e": search.result_e, "sign": search.result_sign, "address": search.result_address}
    )


@lru_cache(maxsize=1024)  # a square root, for each share again
def _point(key: str) -> Point:
    return decode(bytes.fromhex(key))


def _range_count(target: Target) -> int:
    return sum(len(ranges) for _, ranges in target.ranges) + (len(target.ending.ranges) if target.ending else 0)


@cached(
    LRUCache(MOST_RANGES, getsizeof=_range_count),
    key=lambda search, unit_keys=None: (search.blinded_key, unit_keys),  # no two searches share the blinded key
    lock=Lock(),
)
def _target(search: Search, unit_keys: int | None = None) -> Target:
    """Return what counts in a search, or in its units of so many keys.

    That never changes, and is neither read nor computed for each lease and each share again.
    """
    return search.target.target() if unit_keys is None else share_target(_target(search), unit_keys)
