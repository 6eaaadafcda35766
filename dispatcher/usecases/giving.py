"""Leases given to hosts that ask: the jobs that fit and come first, then those that batches make at the lease."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import bindparam, update
from sqlmodel import Session, col

from dispatcher.kinds.contract import Handed, Handing
from dispatcher.kinds.registry import Kinds
from dispatcher.scheduling.leases import LEASE, lease_end
from dispatcher.scheduling.matching import Profile
from dispatcher.storage.member_tables import Host
from dispatcher.usecases import offers, own, ready
from dispatcher.usecases.cases import RowsBeside
from dispatcher.usecases.catalogue import known_app
from dispatcher.usecases.claims import Claim, begin_attempts, claim_all, claim_next
from dispatcher.usecases.own import OwnReader
from dispatcher.usecases.ready import Ready
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


@dataclass(slots=True)
class _Deal:
    """Hosts that ask at the same time, how many attempts each may still have, and what each was given."""

    session: Session
    kinds: Kinds
    askers: Sequence[Asker]
    now: datetime
    room: dict[UUID, int]  #: of each host
    leases: list[list[Lease[Work]]]  #: of each asker
    noted: set[UUID] = field(default_factory=set)  #: hosts of which it is written down what they say of themselves

    def slots(self, places: Iterable[int]) -> list[int]:
        """Return for how many attempts there is room: the place of an asker for each."""
        left, found = dict(self.room), list[int]()
        for place in places:
            asker = self.askers[place]
            count = max(0, min(asker.at_most - len(self.leases[place]), left[asker.caller.uid]))
            left[asker.caller.uid] -= count
            found += [place] * count
        return found


def lease_all(session: Session, kinds: Kinds, askers: Sequence[Asker], *, now: datetime) -> list[list[Lease[Work]]]:
    """Lease jobs to hosts, in the order in which they ask; none where nothing waits that fits.

    Raises:
        RevokedError: one of the hosts was revoked while it waited.
    """
    if not askers:
        return []
    hosts = offers.asking(session, (asker.caller.uid for asker in askers))
    room = {uid: offers.room(host) for uid, host in hosts.items()}
    deal = _Deal(session, kinds, askers, now, room, [[] for _ in askers])
    waiting = ready.to_change(session)
    fits: list[tuple[frozenset[int], offers.Losses | None]] = []
    for asker in askers:
        host, request = hosts[asker.caller.uid], asker.request
        if (host.os, host.cpu) != (request.os, request.cpu):
            _note_platform(session, asker)
        fits.append((waiting.fitting.of(asker.profile), offers.just_lost(asker.caller.uid, host, now=now)))
    for (classes, lost), some in groupby(range(len(askers)), fits.__getitem__):  # whom the same jobs fit
        places = list(some)
        _lease_jobs(deal, waiting, classes, lost, places)
        _lease_made(deal, waiting, classes, places)
    return deal.leases


def _lease_jobs(
    deal: _Deal, waiting: Ready, classes: frozenset[int], lost: offers.Losses | None, places: Sequence[int]
) -> None:
    """Lease jobs of these classes, which fit these askers, until nobody has room or none waits."""
    for _ in range(len(places) * TRIES):
        if not (slots := deal.slots(places)):
            return
        offer = offers.next_jobs(deal.session, waiting, classes, lost, at_most=len(slots))
        if offer is None:
            return
        for place in dict.fromkeys(slots[: len(offer.jobs)]):
            _note(deal, place)
        claims = claim_all(deal.session, offer.jobs)
        waiting.queues.put(offer.queue, offer.left({claim.job.uid for claim in claims}))
        _begin(deal, list(zip(slots, claims, strict=False)))
    _check_given(deal, places)


def _lease_made(deal: _Deal, waiting: Ready, classes: frozenset[int], places: Sequence[int]) -> None:
    """Let batches of these classes make jobs for these askers, until nobody has room or there is no such batch."""
    for _ in range(len(places) * TRIES):
        if not (slots := deal.slots(places)):
            return
        batch_uid = offers.next_source(deal.session, waiting, classes)
        if batch_uid is None:
            return
        _note(deal, slots[0])
        made = claim_next(deal.session, deal.kinds, batch_uid, deal.askers[slots[0]].caller.uid, now=deal.now)
        _begin(deal, [] if made is None else [(slots[0], made)])
    _check_given(deal, places)


def _check_given(deal: _Deal, places: Sequence[int]) -> None:
    """Check that somebody got something where there was something.

    Raises:
        UnavailableError: nobody did.
    """
    if not any(deal.leases[place] for place in places):
        raise UnavailableError("too many hosts asked for the same jobs at once")


def _note(deal: _Deal, place: int) -> None:
    """Write down what a host says of itself; where nothing fits, nothing is written."""
    asker = deal.askers[place]
    if asker.caller.uid not in deal.noted:
        deal.noted.add(asker.caller.uid)
        own.remember(deal.session, deal.kinds, asker.caller.uid, asker.abilities)


def _note_platform(session: Session, asker: Asker) -> None:
    """Write down what a host runs on, if it is still a member.

    Raises:
        RevokedError: it is not.
    """
    if not _PLATFORM.one(session, host=asker.caller.uid, new_os=asker.request.os, new_cpu=asker.request.cpu):
        raise RevokedError


def _begin(deal: _Deal, claims: Sequence[tuple[int, Claim]]) -> None:
    """Begin attempts that were claimed, each for the asker at a place; one whose job was decided meanwhile does not."""
    handed = [_handed(deal, place, claim) for place, claim in claims]
    begun = {"leased_at": deal.now, "lease_ends_at": lease_end(deal.now)}
    rows = [
        (claim, begun | {"host_uid": deal.askers[place].caller.uid, "amount_per_s": given.amount_per_s})
        for (place, claim), given in zip(claims, handed, strict=True)
    ]
    for (place, claim), given, begins in zip(claims, handed, begin_attempts(deal.session, rows), strict=True):
        if begins:
            deal.leases[place].append(_lease(claim, given.work))
            deal.room[deal.askers[place].caller.uid] -= 1


def _handed(deal: _Deal, place: int, claim: Claim) -> Handed:
    """Return what an asker gets with a job."""
    app, asker = known_app(deal.session, claim.job.app_uid), deal.askers[place]
    kind = deal.kinds.of(app.kind)
    rows = RowsBeside(OwnReader(deal.session), kind, claim.job, asker.caller.uid)
    (handed,) = kind.hand_out([Handing(claim.job, app.targets, asker.profile, rows)])
    return handed


def _lease(claim: Claim, work: Work) -> Lease[Work]:
    return _LEASE(
        job_uid=claim.job.uid,
        attempt=claim.number,
        lease_s=LEASE.total_seconds(),
        heartbeat_s=HEARTBEAT_S,
        work=work,
    )
