"""Leases given to hosts that ask: the jobs that fit and come first, then those that batches make at the lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import bindparam, update
from sqlmodel import Session, col

from dispatcher.kinds.contract import Handing
from dispatcher.kinds.registry import Kinds
from dispatcher.scheduling.leases import LEASE, lease_end
from dispatcher.scheduling.matching import Profile
from dispatcher.storage.member_tables import Host
from dispatcher.storage.orders import by_statements
from dispatcher.usecases import offers, own, ready
from dispatcher.usecases.cases import RowsBeside
from dispatcher.usecases.catalogue import known_app
from dispatcher.usecases.claims import Claim, begin_attempt, claim, claim_next
from dispatcher.usecases.own import OwnReader
from xwhep.errors.identity import RevokedError
from xwhep.errors.jobs import ProtocolTooOldError, UnavailableError
from xwhep.protocol.attempts import HEARTBEAT_S, OLDEST_PROTOCOL, Lease, LeaseRequest, Work
from xwhep.rights import Caller
from xwhep.sql.prepared import PreparedWrite

#: how often something is looked for anew because another host was faster
TRIES: Final = 100
_LEASE: Final = Lease[Work]  # looked up once: pydantic takes its time
_PLATFORM: Final = PreparedWrite(
    update(Host)
    .where(col(Host.uid) == bindparam("host"), col(Host.revoked_at).is_(None))
    .values(os=bindparam("new_os"), cpu=bindparam("new_cpu"))
)


@dataclass(frozen=True, slots=True)
class Asker:
    """A host that asks for work."""

    caller: Caller
    request: LeaseRequest
    abilities: Mapping[str, Any]
    profile: Profile
    at_most: int = 1  #: attempts that it takes now

    @classmethod
    def of(cls, kinds: Kinds, caller: Caller, request: LeaseRequest, *, at_most: int = 1) -> Self:
        """Return a host with what it says of itself.

        Raises:
            ProtocolTooOldError: it speaks a protocol that is not served any more.
            InvalidFieldError: it says what cannot be.
        """
        if request.protocol < OLDEST_PROTOCOL:
            raise ProtocolTooOldError(request.protocol, OLDEST_PROTOCOL)
        abilities = kinds.abilities(request)
        return cls(caller, request, abilities, kinds.profile(request, abilities), at_most)


@by_statements
def lease(session: Session, kinds: Kinds, asker: Asker, *, now: datetime) -> list[Lease[Work]]:
    """Lease jobs to a host; none if nothing waits that fits.

    Raises:
        RevokedError: the host was revoked while it waited.
    """
    host = offers.asking(session, asker.caller.uid)
    if (host.os, host.cpu) != (asker.request.os, asker.request.cpu):
        _note_platform(session, asker)
    lost = offers.just_lost(asker.caller.uid, host, now=now)
    leases: list[Lease[Work]] = []
    for _ in range(TRIES):
        room = min(asker.at_most, offers.room(host)) - len(leases)
        if room <= 0:
            return leases
        claims = _claim_jobs(session, kinds, asker, lost, room)
        if claims is None:
            claims = _claim_made(session, kinds, asker, now)
        if claims is None:
            return leases
        leases += _begin(session, kinds, asker, claims, now)
    if not leases:
        raise UnavailableError("too many hosts asked for the same jobs at once")
    return leases


def _claim_jobs(
    session: Session, kinds: Kinds, asker: Asker, lost: offers.Losses | None, at_most: int
) -> list[Claim] | None:
    """Claim jobs of the queue whose turn it is; None if nothing waits, fewer if other hosts were faster."""
    waiting = ready.to_change(session)
    offer = offers.next_jobs(session, waiting, waiting.fitting.of(asker.profile), lost, at_most=at_most)
    if offer is None:
        return None
    _note(session, kinds, asker)
    claims = [taken for job in offer.jobs if (taken := claim(session, job)) is not None]
    waiting.queues.put(offer.queue, offer.left({taken.job.uid for taken in claims}))
    return claims


def _claim_made(session: Session, kinds: Kinds, asker: Asker, now: datetime) -> list[Claim] | None:
    """Let the batch whose turn it is make a job, and claim it; None if there is no batch, none if it has just ended."""
    waiting = ready.to_change(session)
    batch_uid = offers.next_source(session, waiting, waiting.fitting.of(asker.profile))
    if batch_uid is None:
        return None
    _note(session, kinds, asker)
    made = claim_next(session, kinds, batch_uid, asker.caller.uid, now=now)
    return [] if made is None else [made]


def _note(session: Session, kinds: Kinds, asker: Asker) -> None:
    """Write down what a host says of itself; where nothing fits, nothing is written."""
    _note_platform(session, asker)
    own.remember(session, kinds, asker.caller.uid, asker.abilities)


def _note_platform(session: Session, asker: Asker) -> None:
    """Write down what a host runs on, if it is still a member; the first write of each lease.

    Raises:
        RevokedError: it is not.
    """
    if not _PLATFORM.one(session, host=asker.caller.uid, new_os=asker.request.os, new_cpu=asker.request.cpu):
        raise RevokedError


def _begin(session: Session, kinds: Kinds, asker: Asker, claims: Sequence[Claim], now: datetime) -> list[Lease[Work]]:
    """Begin claimed attempts; one whose job was decided meanwhile does not."""
    host_uid = asker.caller.uid
    begun = {"host_uid": host_uid, "leased_at": now, "lease_ends_at": lease_end(now)}
    leases = []
    for one in claims:
        app = known_app(session, one.job.app_uid)
        kind = kinds.of(app.kind)
        rows = RowsBeside(OwnReader(session), kind, one.job, host_uid)
        (handed,) = kind.hand_out([Handing(one.job, app.targets, asker.profile, rows)])
        if begin_attempt(session, one, **begun, amount_per_s=handed.amount_per_s):
            leases.append(_lease(one, handed.work))
    return leases


def _lease(claim: Claim, work: Work) -> Lease[Work]:
    return _LEASE(
        job_uid=claim.job.uid,
        attempt=claim.number,
        lease_s=LEASE.total_seconds(),
        heartbeat_s=HEARTBEAT_S,
        work=work,
    )
