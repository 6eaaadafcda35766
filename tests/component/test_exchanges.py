"""Exchanges over real TLS: all that a host has to say and to ask, in one request."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session, select

from dispatcher.storage.tables import Blob
from tests.support.content import register
from tests.support.desk import poll_request
from tests.support.grid import GridUnderTest, a_grid
from tests.support.kinds import NATIVE, VANITY, AnyLease
from tests.support.leases import first_hit
from tests.support.older_host import OlderHost
from xwhep.client.owner import OwnerClient
from xwhep.errors.base import XwhepError
from xwhep.errors.identity import RevokedError
from xwhep.errors.jobs import ProtocolTooOldError
from xwhep.errors.requests import InvalidFieldError
from xwhep.lifecycle import AttemptStatus, Status
from xwhep.protocol.attempts import (
    MAX_SMALL_BYTES,
    MAX_SMALL_BYTES_IN_ALL,
    Ask,
    AttemptProgress,
    Exchange,
    ExchangedEnd,
    ExchangedReport,
    ExchangeReply,
    FinishAttempt,
    Outcome,
    Report,
)
from xwhep.protocol.jobs import Output, SubmitJob, SubmitJobs
from xwhep.vanity.messages import ReportShare, SubmitSearch, VanityWork
from xwhep.vanity.split_key import keygen
from xwhep.world import REAL


@dataclass(frozen=True, slots=True)
class Scene:
    """A user, her app, and a host."""

    grid: GridUnderTest
    folder: Path
    alice: OwnerClient
    bob: OlderHost
    app_uid: UUID

    async def submit(self, count: int) -> list[UUID]:
        """Submit jobs at one moment; return their ids in the order in which they are leased."""
        jobs = [SubmitJob(uid=REAL.new_uid(), app_uid=self.app_uid) for _ in range(count)]
        await self.alice.submit_jobs(SubmitJobs(jobs=jobs))
        return sorted(job.uid for job in jobs)

    async def take(self, at_most: int, *kinds: str) -> list[AnyLease]:
        reply = await self.bob.exchange(Exchange(ask=ask(at_most, *kinds)))
        return reply.leases

    async def status(self, uid: UUID) -> Status:
        return (await self.alice.job(uid)).status


def ask(at_most: int = 1, *kinds: str, wait_s: float = 0) -> Ask:
    return Ask(**poll_request(*(kinds or [NATIVE]), wait_s=wait_s).model_dump(), at_most=at_most)


def ended(lease: AnyLease, *contents: bytes, **fields: Any) -> ExchangedEnd:
    """Return the end of an attempt that leaves this standard output, and these files, inside the message."""
    outputs = [
        Output(name="stdout" if not n else f"out/{n}", digest=hashlib.sha256(c).hexdigest(), size_bytes=len(c))
        for n, c in enumerate(contents)
    ]
    end = {"outcome": Outcome.FINISHED, "outputs": outputs, "contents": list(contents)} | fields
    return ExchangedEnd(job_uid=lease.job_uid, attempt=lease.attempt, **end)


def progress(lease: AnyLease) -> AttemptProgress:
    return AttemptProgress(job_uid=lease.job_uid, attempt=lease.attempt, fraction=0.5)


def told(reply: ExchangeReply[Any]) -> list[object]:
    """Return what became of each end: its status, or the code of the problem."""
    return [end.reply.status if end.reply else end.problem and end.problem.code for end in reply.ends]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.host("bob") as bob:
        app = await register(alice, tmp_path)
        yield Scene(grid, tmp_path, alice, bob, app.uid)


async def test_several_attempts_are_given_at_once_and_end_at_once(scene: Scene, tmp_path: Path) -> None:
    uids = await scene.submit(5)
    leases = await scene.take(3)
    assert [lease.job_uid for lease in leases] == uids[:3]

    ends = [ended(lease, b"%d\n" % number) for number, lease in enumerate(leases)]
    reply = await scene.bob.exchange(Exchange(ends=ends, ask=ask(32)))

    assert told(reply) == [AttemptStatus.FINISHED] * 3
    assert [lease.job_uid for lease in reply.leases] == uids[3:]
    assert [await scene.status(uid) for uid in uids] == [Status.COMPLETED] * 3 + [Status.RUNNING] * 2
    for number, uid in enumerate(uids[:3]):
        await scene.alice.fetch_output(uid, (await scene.alice.job(uid)).outputs[0], tmp_path / f"result-{number}")
        assert (tmp_path / f"result-{number}").read_bytes() == b"%d\n" % number


async def test_one_bad_end_of_ten_is_named_and_the_others_count(scene: Scene) -> None:
    uids = await scene.submit(10)
    leases = await scene.take(10)
    ends = [ended(lease, b"done") for lease in leases]
    ends[4] = ended(leases[4], b"done", contents=[])  # its output is nowhere

    reply = await scene.bob.exchange(Exchange(ends=ends))

    assert told(reply) == [AttemptStatus.FINISHED] * 4 + ["invalid-field"] + [AttemptStatus.FINISHED] * 5
    problem = reply.ends[4].problem
    assert problem is not None
    assert (reply.ends[4].job_uid, problem.field) == (uids[4], "outputs.digest")
    assert [await scene.status(uid) for uid in uids].count(Status.COMPLETED) == 9
    assert await scene.status(uids[4]) is Status.RUNNING


async def test_the_same_exchange_again_has_the_same_answers(scene: Scene) -> None:
    await scene.submit(2)
    exchange = Exchange[Report](ends=[ended(lease, b"once") for lease in await scene.take(2)])

    first, second = [await scene.bob.exchange(exchange) for _ in range(2)]

    assert first == second
    assert told(first) == [AttemptStatus.FINISHED] * 2


async def test_an_end_in_an_exchange_is_the_same_end_alone(scene: Scene) -> None:
    await scene.submit(1)
    (lease,) = await scene.take(1)
    end = ended(lease, b"once")
    await scene.bob.exchange(Exchange(ends=[end]))

    again = end.model_dump(exclude={"job_uid", "attempt", "contents"})
    reply = await scene.bob.finish(lease.job_uid, lease.attempt, FinishAttempt.model_validate(again))

    assert reply.status is AttemptStatus.FINISHED


async def test_progress_prolongs_leases_and_names_what_to_stop(scene: Scene) -> None:
    await scene.submit(2)
    first, second = await scene.take(2)
    await scene.alice.cancel_job(first.job_uid)

    reply = await scene.bob.exchange(Exchange(progress=[progress(first), progress(second)]))

    assert [(ref.job_uid, ref.attempt) for ref in reply.stop] == [(first.job_uid, 1)]
    noted, _ = scene.grid.services.heard.drain()
    assert [heard.progress.job_uid for heard in noted] == [second.job_uid]


async def test_a_hit_is_reported_in_an_exchange_and_ends_its_search(scene: Scene) -> None:
    _, key = keygen()
    uid = REAL.new_uid()
    wish = SubmitSearch(uid=uid, name="all", patterns=["1"], public_key=key.hex())
    await scene.alice.submit_batch(wish)
    (lease,) = await scene.take(1, VANITY)
    assert isinstance(lease.work, VanityWork)
    share = first_hit(lease.work)
    report = ExchangedReport[ReportShare](job_uid=lease.job_uid, attempt=lease.attempt, report=share)

    first = await scene.bob.exchange(Exchange[ReportShare](reports=[report]))
    second = await scene.bob.exchange(Exchange[ReportShare](reports=[report]))

    assert first.reports[0].reply is not None
    assert first.reports[0].reply.status is AttemptStatus.FINISHED
    assert second.reports[0].problem is not None
    assert second.reports[0].problem.code == "lease-lost"


async def test_who_only_asks_waits_until_there_is_work(scene: Scene) -> None:
    waiting = asyncio.create_task(scene.bob.exchange(Exchange(ask=ask(2, wait_s=30))))
    await scene.grid.until_polls_wait(1)
    uids = await scene.submit(1)

    assert [lease.job_uid for lease in (await waiting).leases] == uids


async def test_who_says_something_waits_for_nothing(scene: Scene) -> None:
    await scene.submit(1)
    (lease,) = await scene.take(1)
    async with asyncio.timeout(20):
        reply = await scene.bob.exchange(Exchange(progress=[progress(lease)], ask=ask(wait_s=30)))

    assert (reply.stop, reply.leases) == ([], [])


async def test_a_small_content_is_in_no_file_and_can_be_fetched(scene: Scene, tmp_path: Path) -> None:
    (uid,) = await scene.submit(1)
    files = _files(scene)
    content = bytes(range(256)) * 256
    assert len(content) == MAX_SMALL_BYTES
    await scene.bob.exchange(Exchange(ends=[ended(lease, content) for lease in await scene.take(1)]))

    job = await scene.alice.job(uid)
    await scene.alice.fetch_output(uid, job.outputs[0], tmp_path / "result")

    assert (tmp_path / "result").read_bytes() == content
    assert _files(scene) == files


def _files(scene: Scene) -> set[str]:
    blobs = scene.grid.installation.folder / "blobs"
    return {path.name for path in blobs.rglob("*") if path.is_file()}


async def test_nothing_said_of_a_foreign_attempt_counts(scene: Scene) -> None:
    (uid,) = await scene.submit(1)
    (lease,) = await scene.take(1)
    async with scene.grid.host("mallory") as mallory:
        reply = await mallory.exchange(Exchange(ends=[ended(lease, b"mine")], progress=[progress(lease)]))

    assert told(reply) == ["lease-lost"]
    assert len(reply.stop) == 1
    assert await scene.status(uid) is Status.RUNNING
    digest = hashlib.sha256(b"mine").hexdigest()
    assert digest not in await scene.grid.services.database.read(_blobs)


def _blobs(session: Session) -> set[str]:
    return set(session.exec(select(Blob.digest)))


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        pytest.param(
            {"contents": [base64.b64encode(b"x" * (MAX_SMALL_BYTES + 1)).decode()]}, 422, "contents", id="large"
        ),
        pytest.param({"contents": ["*"]}, 422, "contents", id="no base64"),
        pytest.param({"contents": [encoded(b"stray")]}, 200, "contents", id="of no output"),
        pytest.param({"surprise": 1}, 422, "surprise", id="unknown field"),
        pytest.param({"attempt": 0}, 422, "attempt", id="no attempt"),
    ],
)
async def test_bad_ends_are_refused(scene: Scene, change: dict[str, Any], code: int, field: str) -> None:
    await scene.submit(1)
    (lease,) = await scene.take(1)
    end = json.loads(ended(lease, b"a").model_dump_json()) | change

    status, answer = await _raw(scene, {"ends": [end]})

    assert status == code
    problem = answer["ends"][0]["problem"] if code == 200 else answer
    assert field in problem["field"]


async def test_two_ends_of_one_attempt_and_contents_of_more_than_allowed_are_refused(scene: Scene) -> None:
    await scene.submit(1)
    (lease,) = await scene.take(1)
    end = json.loads(ended(lease, b"a").model_dump_json())
    many = [bytes([number]) * MAX_SMALL_BYTES for number in range(MAX_SMALL_BYTES_IN_ALL // MAX_SMALL_BYTES + 1)]
    large = json.loads(ended(lease, *many).model_dump_json())

    answers = [await _raw(scene, {"ends": ends}) for ends in ([end, end], [large])]

    assert [(status, answer["code"]) for status, answer in answers] == [(422, "invalid-field")] * 2
    assert "different attempts" in answers[0][1]["detail"]
    assert "together" in answers[1][1]["detail"]


async def _raw(scene: Scene, body: dict[str, Any]) -> tuple[int, Any]:
    """Send a body that no client of ours would send."""
    session = scene.bob._connection._session
    assert session is not None
    async with session.post(f"{scene.grid.url}/v1/exchange", json=body) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_a_host_whose_protocol_is_too_old_is_told(scene: Scene) -> None:
    with pytest.raises(ProtocolTooOldError):
        await scene.bob.exchange(Exchange(ask=ask().model_copy(update={"protocol": 1})))


async def test_what_a_host_states_of_itself_is_checked(scene: Scene) -> None:
    strange = ask().model_copy(update={"kinds": {VANITY: {"keys_per_s": -1}}})
    with pytest.raises(InvalidFieldError):
        await scene.bob.exchange(Exchange(ask=strange))


async def test_a_revoked_host_is_told(scene: Scene) -> None:
    async with scene.grid.connect(scene.grid.administrator()) as connection:
        admin = OwnerClient(connection)
        (host,) = [host async for host in admin.hosts()]
        await admin.revoke_host(host.uid)

    with pytest.raises(XwhepError) as refused:
        await scene.bob.exchange(Exchange(ask=ask()))
    assert isinstance(refused.value, RevokedError)
