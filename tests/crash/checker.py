"""Which promises a dispatcher that was killed has broken: a pure function of a history and the rows in the end.

The history is of hosts that never fall silent as long as a lease, and of jobs that nobody cancels. So each attempt ends
by its host's report alone, and a job has one attempt at a time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from dispatcher.storage.tables import Attempt
from tests.crash.decisions import DECIDES, decisions
from tests.crash.history import (
    ENDS,
    Beat,
    Exchanged,
    Finish,
    Given,
    Poll,
    Record,
    Ref,
    Request,
    Submit,
    Upload,
    given,
    leases_of,
    parts_of,
)
from tests.crash.rows import Rows
from tests.crash.violation import Violation
from xwhep.lifecycle import AttemptStatus

RequestT = TypeVar("RequestT", Submit, Poll, Beat, Upload, Finish, Exchanged)

#: the status of HTTP that each kind of request is answered with
EXPECTED: Final[Mapping[type[Any], int]] = {Submit: 201, Poll: 200, Beat: 200, Upload: 204, Finish: 200}
#: the fields of a job in an answer that never change
FIXED: Final = ("uid", "app_uid", "batch_uid", "submitted_at")


def violations(history: Sequence[Record], rows: Rows) -> list[Violation]:
    """Return all promises that were broken, in the order in which the dispatcher had made them.

    What was said in one exchange makes the same promises as said in several requests.
    """
    records = parts_of(history)
    leases = given(records)
    broken = [
        *_answers(records),
        *_repeated_answers(records),
        *_submits(records, rows),
        *_leases(records, leases, rows),
        *_at_the_same_time(records, leases),
        *_uploads(records, rows),
        *_reported_ends(records, rows),
        *_partial_exchanges(history, rows),
        *_accepted_results(records),
        *decisions(rows),
    ]
    return sorted(broken, key=lambda violation: (violation.life is None, violation.life))


def _of(records: Sequence[Record], kind: type[RequestT]) -> Iterator[tuple[RequestT, Record]]:
    return ((record.request, record) for record in records if isinstance(record.request, kind))


def _accepted(record: Record) -> bool:
    return record.answered is not None and record.status == EXPECTED[type(record.request)]


def _named(attempt: Ref) -> str:
    return f"attempt {attempt[1]} of job {attempt[0]}"


def _short(request: Request) -> str:
    """Return a few words about a request."""
    about = f"job {request.jobs[0]}" if isinstance(request, Submit) else f"host {request.caller}"
    about = _named(request.attempt) if isinstance(request, Beat | Upload | Finish) else about
    return f"{type(request).__name__.lower()} of {about}"


# --- answers ----------------------------------------------------------------------------------------------------------


def _answers(records: Sequence[Record]) -> Iterator[Violation]:
    """Yield requests that nothing was wrong with and that were refused, and answers to something else."""
    for record in records:
        if record.answered is None:
            continue
        if not _accepted(record):
            yield Violation("refused", f"{_short(record.request)} got {record.status} {record.reply}", record.life)
        elif record.reply is not None and (wrong := _wrong_answer(record.request, record.reply)):
            yield Violation("wrong-answer", f"{_short(record.request)}: {wrong}", record.life)


def _wrong_answer(request: Request, reply: Any) -> str | None:
    match request:
        case Submit(jobs=jobs) if [UUID(job["uid"]) for job in reply["jobs"]] != list(jobs):
            return "the answer names other jobs"
        case Poll(at_most=at_most) if len(leases_of(reply)) > at_most:
            return f"more than {at_most} attempts were given"
        case Beat() if reply["stop"]:
            return "the host is to stop an attempt that is its own"
        case Finish(outcome=outcome) if reply["status"] != ENDS[outcome]:
            return f"the attempt is said to be {reply['status']}"
    return None


def _repeated_answers(records: Sequence[Record]) -> Iterator[Violation]:
    """Yield requests that were sent twice and answered in two ways."""
    first: dict[Request, Record] = {}
    for record in records:
        if not _accepted(record) or isinstance(record.request, Poll):
            continue
        before = first.setdefault(record.request, record)
        if _lasting(before) != _lasting(record):
            was, now = _lasting(before), _lasting(record)
            text = f"{_short(record.request)} was answered {was} in life {before.life}, then {now}"
            yield Violation("changed-answer", text, record.life)


def _lasting(record: Record) -> Any:
    """Return the part of an answer that never changes."""
    if isinstance(record.request, Submit):
        return [{name: job[name] for name in FIXED} for job in record.reply["jobs"]]
    return record.reply


# --- submissions ------------------------------------------------------------------------------------------------------


def _submits(records: Sequence[Record], rows: Rows) -> Iterator[Violation]:
    asked: set[UUID] = set()
    for request, record in _of(records, Submit):
        asked |= set(request.jobs)
        there = [uid for uid in request.jobs if uid in rows.jobs]
        if _accepted(record):
            yield from _kept(request, record, rows)
        elif 0 < len(there) < len(request.jobs):
            yield Violation("partial-submit", f"{len(there)} of {len(request.jobs)} jobs of one request are there")
    for uid in rows.jobs.keys() - asked:
        yield Violation("unasked-job", f"nobody has submitted job {uid}")


def _kept(request: Submit, record: Record, rows: Rows) -> Iterator[Violation]:
    """Yield the jobs of an acknowledged submission that are not there, or not as they were acknowledged."""
    for uid, told in zip(request.jobs, record.reply["jobs"], strict=False):
        job = rows.jobs.get(uid)
        if job is None:
            yield Violation("lost-submit", f"job {uid} was acknowledged and is not there", record.life)
        elif (job.owner_uid, job.app_uid, job.submitted_at) != (
            request.caller,
            request.app,
            datetime.fromisoformat(told["submitted_at"]),
        ):
            yield Violation("changed-job", f"job {uid} is another one than was acknowledged", record.life)


# --- leases -----------------------------------------------------------------------------------------------------------


def _leases(records: Sequence[Record], leases: Sequence[Given], rows: Rows) -> Iterator[Violation]:
    hosts: dict[Ref, Given] = {}
    for lease in leases:
        before, row = hosts.setdefault(lease.attempt, lease), rows.attempts.get(lease.attempt)
        if before is not lease:
            text = f"{_named(lease.attempt)} went to {before.host} in life {before.record.life}, and to {lease.host}"
            yield Violation("number-twice", text, lease.record.life)
        if row is None:
            yield Violation("lost-lease", f"{_named(lease.attempt)} was given and is not there", lease.record.life)
        elif row.host_uid != lease.host:
            text = f"{_named(lease.attempt)} was given to {lease.host} and is {row.host_uid}'s"
            yield Violation("lost-lease", text, lease.record.life)
    unheard = Counter(row.host_uid for ref, row in rows.attempts.items() if ref not in hosts)
    unanswered: Counter[UUID] = Counter()
    for request, record in _of(records, Poll):
        unanswered[request.caller] += request.at_most if record.answered is None else 0
    for host, count in (unheard - unanswered).items():
        yield Violation("unasked-lease", f"host {host} has {count} more attempts than it was told or may have missed")


def _at_the_same_time(records: Sequence[Record], leases: Sequence[Given]) -> Iterator[Violation]:
    """Yield leases of a job that were asked for and given while another host held the job, as the hosts saw it."""
    ended: dict[Ref, int] = {}
    for request, record in _of(records, Finish):
        ended.setdefault(request.attempt, record.sent)
    of_job: dict[UUID, list[Given]] = defaultdict(list)
    for lease in leases:
        for other in of_job[lease.attempt[0]]:
            end = ended.get(other.attempt)
            if lease.record.sent > other.moment and (end is None or lease.moment < end):
                text = f"{_named(lease.attempt)} was given to {lease.host} while {other.host} had {other.attempt[1]}"
                yield Violation("two-hosts", text, lease.record.life)
        of_job[lease.attempt[0]].append(lease)


# --- uploads and ends -------------------------------------------------------------------------------------------------


def _uploads(records: Sequence[Record], rows: Rows) -> Iterator[Violation]:
    for digest, is_whole in rows.blobs.items():
        if not is_whole:
            yield Violation("torn-blob", f"content {digest} has a row and is not whole in the store")
    for request, record in _of(records, Upload):
        if not _accepted(record):
            continue
        is_noted = (request.attempt, request.content) in rows.uploads
        if not is_noted or request.content.digest not in rows.blobs:
            text = f"content {request.content.digest} of {_named(request.attempt)} was acknowledged and is not noted"
            yield Violation("lost-upload", text, record.life)


def _reported_ends(records: Sequence[Record], rows: Rows) -> Iterator[Violation]:
    """Yield attempts that ended otherwise than their host reported."""
    for request, record in _of(records, Finish):
        row = rows.attempts.get(request.attempt)
        if _accepted(record) and (row is None or row.status is not ENDS[request.outcome]):
            now = "not there" if row is None else row.status
            text = f"the end of {_named(request.attempt)} was acknowledged, and the attempt is {now}"
            yield Violation("lost-end", text, record.life)
    reports = {request.attempt: request for request, _ in _of(records, Finish)}  # a host reports one end of an attempt
    for ref, row in rows.attempts.items():
        if row.status is not AttemptStatus.LEASED:
            yield from _as_reported(ref, row, reports.get(ref), rows)


def _partial_exchanges(history: Sequence[Record], rows: Rows) -> Iterator[Violation]:
    """Yield unanswered exchanges of which some ends count and others do not."""
    for request, record in _of(history, Exchanged):
        ended = [end for end in request.ends if (row := rows.attempts.get(end.attempt)) and row.ended_at is not None]
        if record.answered is None and 0 < len(ended) < len(request.ends):
            text = f"{len(ended)} of {len(request.ends)} ends of one exchange of host {request.caller} are there"
            yield Violation("partial-exchange", text, record.life)


def _accepted_results(records: Sequence[Record]) -> Iterator[Violation]:
    """Yield jobs of which the results of two attempts were accepted."""
    results: dict[UUID, set[int]] = defaultdict(set)
    for request, record in _of(records, Finish):
        if _accepted(record) and ENDS[request.outcome] in DECIDES:
            results[request.attempt[0]].add(request.attempt[1])
    for uid, numbers in results.items():
        if len(numbers) > 1:
            yield Violation("accepted-twice", f"the results of attempts {sorted(numbers)} of job {uid} were accepted")


def _as_reported(ref: Ref, row: Attempt, report: Finish | None, rows: Rows) -> Iterator[Violation]:
    if report is None or row.status is not ENDS[report.outcome]:
        yield Violation("unasked-end", f"{_named(ref)} is {row.status}, which its host has not reported")
        return
    wanted = dict(report.outputs) if row.status in DECIDES else {}
    if rows.outputs.get(ref, {}) != wanted:
        yield Violation("wrong-outputs", f"{_named(ref)} has other outputs than its host has reported")
    for name, content in wanted.items():
        if content.digest not in rows.blobs:
            yield Violation("lost-content", f"the content of {name} of {_named(ref)} is not there")
