"""Several reports of a host's attempts at once, against the real database: each counts by itself, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from dispatcher.kinds.vanity_tables import VanityHost, VanityUnit
from dispatcher.storage.member_tables import Host
from dispatcher.storage.tables import Attempt, AttemptClaim
from dispatcher.usecases import reports
from tests.support.desk import Desk
from tests.support.kinds import KINDS, VANITY, AnyLease
from tests.support.leases import first_hit, hits
from xwhep.errors.base import XwhepError
from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.attempts import AttemptReply
from xwhep.rights import Caller, Role
from xwhep.vanity.messages import ReportShare
from xwhep.vanity.shares import keys_proven
from xwhep.vanity.units import keys_of

#: a host of this rate is given units of one step
KEYS_PER_S = keys_of(1, plain=False) / 60
#: so much work that no share here wins
HARD = "1LoVELoVELoVE"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "grid.sqlite")
    yield desk
    desk.database.close()


@pytest.fixture
def bob(desk: Desk) -> Caller:
    return desk.member("bob", Role.HOST)


def leased(desk: Desk, host: Caller) -> AnyLease:
    lease = desk.lease(host, VANITY, keys_per_s=KEYS_PER_S)
    assert lease is not None
    return lease


def report(desk: Desk, host: Caller, *said: tuple[AnyLease, ReportShare]) -> Sequence[AttemptReply | XwhepError]:
    together = [((lease.job_uid, lease.attempt), share) for lease, share in said]
    return desk.database.run_now(reports.report_all, KINDS, host, together, now=desk.now)


def outcomes(answers: Sequence[AttemptReply | XwhepError]) -> list[str]:
    return [one.code if isinstance(one, XwhepError) else one.status for one in answers]


def test_each_share_of_several_counts_and_one_that_came_before_does_not(desk: Desk, bob: Caller) -> None:
    desk.search(HARD)
    lease = leased(desk, bob)
    first, second = islice(hits(lease.work), 2)
    proven = keys_proven(lease.work.unit(lease.work.batch_uid).target)

    answers = report(desk, bob, (lease, first), (lease, second), (lease, first))
    again = report(desk, bob, (lease, second))

    assert outcomes(answers) == ["leased", "leased", "share-claimed"]
    assert outcomes(again) == ["share-claimed"]
    assert [one.details for one in answers if isinstance(one, AttemptReply)] == [{"keys_proven": 2 * proven}] * 2
    with Session(desk.database.engine) as session:
        unit, host = session.get_one(VanityUnit, lease.job_uid), session.get_one(VanityHost, bob.uid)
        assert (unit.keys_proven, host.keys_proven, host.shares) == (2 * proven, 2 * proven, 2)


def test_a_false_share_ends_its_attempt_and_those_before_it_count(desk: Desk, bob: Caller) -> None:
    desk.search(HARD)
    lease = leased(desk, bob)
    true, later = islice(hits(lease.work), 2)
    false = true.model_copy(update={"s": f"{int(true.s, 16) + 1:064x}"})

    answers = report(desk, bob, (lease, true), (lease, false), (lease, later))

    assert outcomes(answers) == ["leased", "false-result", "lease-lost"]
    with Session(desk.database.engine) as session:
        host, attempt = session.get_one(VanityHost, bob.uid), session.exec(select(Attempt)).one()
        assert (host.shares, session.get_one(Host, bob.uid).false_results) == (1, 1)
        assert (attempt.status, attempt.amount) == (AttemptStatus.LOST, 0)
        assert session.exec(select(AttemptClaim)).all() == []


def test_with_the_share_that_wins_the_other_attempts_of_the_search_end(desk: Desk, bob: Caller) -> None:
    desk.search("1")
    desk.search(HARD)
    first, second = leased(desk, bob), leased(desk, bob)
    assert first.work.batch_uid != second.work.batch_uid, "searches take turns"
    third = leased(desk, bob)
    wins, too_late, counts = first_hit(first.work), first_hit(third.work), first_hit(second.work)

    answers = report(desk, bob, (first, wins), (third, too_late), (second, counts), (first, wins))

    assert outcomes(answers) == ["finished", "lease-lost", "leased", "lease-lost"]


def test_how_far_an_attempt_is_follows_from_all_that_is_said(desk: Desk, bob: Caller) -> None:
    desk.search(HARD)
    lease = leased(desk, bob)
    first, second = (
        hit.model_copy(update={"amount": amount, "fraction": fraction})
        for hit, amount, fraction in zip(hits(lease.work), (2_000, 1_000), (0.5, None), strict=False)
    )

    report(desk, bob, (lease, first), (lease, second))

    with Session(desk.database.engine) as session:
        attempt = session.exec(select(Attempt).where(col(Attempt.job_uid) == lease.job_uid)).one()
    assert (attempt.amount, attempt.fraction) == (2_000, 0.5)


def test_a_share_of_anothers_attempt_does_not_count(desk: Desk, bob: Caller) -> None:
    desk.search(HARD)
    eve, lease = desk.member("eve", Role.HOST), leased(desk, bob)

    assert outcomes(report(desk, eve, (lease, first_hit(lease.work)))) == ["lease-lost"]
