"""The checker of crashes finds each kind of broken promise, and nothing in a history in which all are kept."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from dispatcher.storage.tables import Attempt, Job
from tests.crash import checker, decisions
from tests.crash.checker import violations
from tests.crash.history import Beat, Content, Exchanged, Finish, History, Poll, Record, Ref, Request, Submit, Upload
from tests.crash.rows import Rows
from xwhep.lifecycle import AttemptStatus, Status
from xwhep.protocol.attempts import Outcome

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
USER, APP, JOB, OTHER_JOB, BOB, CAROL = (UUID(int=number) for number in range(1, 7))
FIRST, SECOND = (JOB, 1), (JOB, 2)
CONTENT: Final = Content.of(b"hello\n")
OUTPUTS: Final = (("out/0", CONTENT),)
SUBMIT: Final = Submit(USER, APP, (JOB, OTHER_JOB))
UPLOAD: Final = Upload(BOB, FIRST, CONTENT)
FINISH: Final = Finish(BOB, FIRST, Outcome.FINISHED, OUTPUTS)


def at(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def attempt(ref: Ref, host: UUID, status: AttemptStatus, begun: int, ended: int | None) -> Attempt:
    ended_at = None if ended is None else at(ended)
    return Attempt(job_uid=ref[0], number=ref[1], host_uid=host, status=status, leased_at=at(begun), ended_at=ended_at)


def job(uid: UUID, status: Status, **columns: Any) -> Job:
    given = {"uid": uid, "owner_uid": USER, "app_uid": APP, "submitted_at": NOW, "attempts_allowed": 3}
    return Job(**{**given, "status": status, "attempts_wanted": 0, **columns})


@dataclass
class Past:
    """What happened to two jobs: Bob brought the result of one, and nobody has taken the other."""

    history: History = field(default_factory=History)
    jobs: dict[UUID, Job] = field(default_factory=dict)
    attempts: dict[Ref, Attempt] = field(default_factory=dict)
    rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.asked(SUBMIT, 201, submitted(JOB, OTHER_JOB))
        self.asked(Poll(BOB, 1), 200, lease(FIRST))
        self.asked(Beat(BOB, FIRST, 0.5), 200, {"stop": []})
        self.asked(UPLOAD, 204)
        self.asked(FINISH, 200, {"status": "finished"})
        self.asked(Poll(BOB, 1), 200, {"lease": None})
        self.jobs[JOB] = job(JOB, Status.COMPLETED, attempts_made=1, result_attempt=1)
        self.jobs[OTHER_JOB] = job(OTHER_JOB, Status.PENDING, attempts_wanted=1)
        self.attempts[FIRST] = attempt(FIRST, BOB, AttemptStatus.FINISHED, 1, 2)
        uploads, outputs = frozenset({(FIRST, CONTENT)}), {FIRST: dict(OUTPUTS)}
        self.rows = Rows(self.jobs, self.attempts, uploads, outputs, {CONTENT.digest: True})

    def asked(self, request: Request, status: int | None = None, reply: Any = None) -> Record:
        """Send a request; it is answered at once, or never if there is no status."""
        record = self.history.send(request, 1)
        if status is not None:
            self.history.answer(record, status, reply)
        return record

    def record(self, request: Request) -> Record:
        return next(record for record in self.history.records if record.request == request)

    def without_answer(self, request: Request) -> None:
        record = self.record(request)
        record.answered, record.status, record.reply = None, 0, None

    @property
    def broken(self) -> set[str]:
        return {violation.code for violation in violations(self.history.records, self.rows)}


def submitted(*jobs: UUID) -> Any:
    fixed = {"app_uid": str(APP), "batch_uid": None, "submitted_at": NOW.isoformat()}
    return {"jobs": [{"uid": str(uid), "status": "pending", **fixed} for uid in jobs]}


def lease(ref: Ref) -> Any:
    return {"lease": {"job_uid": str(ref[0]), "attempt": ref[1]}}


def another_attempt(past: Past, status: AttemptStatus = AttemptStatus.LEASED, ended: int | None = None) -> None:
    """Let Carol have a second attempt of Bob's job from its third second on."""
    past.asked(Poll(CAROL, 1), 200, lease(SECOND))
    past.attempts[SECOND] = attempt(SECOND, CAROL, status, 3, ended)
    past.jobs[JOB].attempts_made = 2


# --- nothing is wrong


def unanswered_poll_with_an_attempt(past: Past) -> None:
    past.asked(Poll(CAROL, 1))
    past.attempts[OTHER_JOB, 1] = attempt((OTHER_JOB, 1), CAROL, AttemptStatus.LEASED, 3, None)
    past.jobs[OTHER_JOB] = job(OTHER_JOB, Status.RUNNING, attempts_made=1)


def unanswered_submission_that_came_to_nothing(past: Past) -> None:
    past.asked(Submit(USER, APP, (UUID(int=50), UUID(int=51))))


def unanswered_end_that_counts(past: Past) -> None:
    past.without_answer(FINISH)


def repeated_requests(past: Past) -> None:
    again = submitted(JOB, OTHER_JOB)
    again["jobs"][0]["status"] = "completed"  # the job has gone on since
    past.asked(SUBMIT, 201, again)
    past.asked(FINISH, 200, {"status": "finished"})


def second_attempt_after_a_loss(past: Past) -> None:
    past.record(FINISH).request = replace(FINISH, outcome=Outcome.LOST, outputs=())
    past.history.records[4].reply = {"status": "lost"}
    past.attempts[FIRST] = attempt(FIRST, BOB, AttemptStatus.LOST, 1, 2)
    past.rows = replace(past.rows, outputs={})
    another_attempt(past)
    past.jobs[JOB] = job(JOB, Status.RUNNING, attempts_made=2)


def by_exchange(past: Past) -> None:
    """Bob said in one exchange how his attempt ended, and asked for more."""
    record = past.record(FINISH)
    record.request = Exchanged(BOB, (replace(FINISH, contents=(b"hello\n",)),), ask=Poll(BOB, 1))
    end = {"job_uid": str(JOB), "attempt": 1, "reply": {"status": "finished"}}
    record.reply = {"ends": [end], "stop": [], "leases": []}


def unanswered_exchange_that_counts(past: Past) -> None:
    by_exchange(past)
    past.without_answer(past.history.records[4].request)
    past.attempts[OTHER_JOB, 1] = attempt((OTHER_JOB, 1), BOB, AttemptStatus.LEASED, 3, None)
    past.jobs[OTHER_JOB] = job(OTHER_JOB, Status.RUNNING, attempts_made=1)


def unanswered_exchange_with_two_attempts(past: Past) -> None:
    """Carol asked for several attempts, was given two, and heard of none."""
    past.asked(Exchanged(CAROL, ask=Poll(CAROL, 1, at_most=2)))
    for number in (70, 71):
        uid = UUID(int=number)
        past.asked(Submit(USER, APP, (uid,)), 201, submitted(uid))
        past.attempts[uid, 1] = attempt((uid, 1), CAROL, AttemptStatus.LEASED, 3, None)
        past.jobs[uid] = job(uid, Status.RUNNING, attempts_made=1)


def two_ends_and_progress_at_once(past: Past) -> None:
    """Bob was given a second job; he ended both in one exchange and said how far a third was."""
    third, ref = UUID(int=80), (OTHER_JOB, 1)
    past.asked(Submit(USER, APP, (third,)), 201, submitted(third))
    leases = [{"job_uid": str(uid), "attempt": 1} for uid in (OTHER_JOB, third)]
    past.asked(Exchanged(BOB, ask=Poll(BOB, 1, at_most=2)), 200, {"ends": [], "stop": [], "leases": leases})
    again = Exchanged(BOB, (FINISH, Finish(BOB, ref, Outcome.FINISHED)), (Beat(BOB, (third, 1), 0.5),))
    answers = [{"job_uid": str(uid), "attempt": 1, "reply": {"status": "finished"}} for uid in (JOB, OTHER_JOB)]
    past.asked(again, 200, {"ends": answers, "stop": [], "leases": []})
    past.attempts[ref] = attempt(ref, BOB, AttemptStatus.FINISHED, 3, 4)
    past.jobs[OTHER_JOB] = job(OTHER_JOB, Status.COMPLETED, attempts_made=1, result_attempt=1)
    past.attempts[third, 1] = attempt((third, 1), BOB, AttemptStatus.LEASED, 3, None)
    past.jobs[third] = job(third, Status.RUNNING, attempts_made=1)


def unanswered_exchange_that_came_to_nothing(past: Past) -> None:
    """Neither of its two ends counts, and both attempts go on."""
    two_ends_and_progress_at_once(past)
    past.history.records.remove(past.record(FINISH))
    past.without_answer(past.history.records[-1].request)
    for uid, begun in ((JOB, 1), (OTHER_JOB, 3)):
        past.attempts[uid, 1] = attempt((uid, 1), BOB, AttemptStatus.LEASED, begun, None)
        past.jobs[uid] = job(uid, Status.RUNNING, attempts_made=1)
    past.rows = replace(past.rows, outputs={})


@pytest.mark.parametrize(
    "happens",
    [
        lambda _: None,
        unanswered_poll_with_an_attempt,
        unanswered_submission_that_came_to_nothing,
        unanswered_end_that_counts,
        repeated_requests,
        second_attempt_after_a_loss,
        by_exchange,
        unanswered_exchange_that_counts,
        unanswered_exchange_with_two_attempts,
        two_ends_and_progress_at_once,
        unanswered_exchange_that_came_to_nothing,
    ],
)
def test_a_history_in_which_all_is_kept_is_clean(happens: Callable[[Past], None]) -> None:
    past = Past()
    happens(past)

    assert past.broken == set()


# --- submissions and answers


def lost_job(past: Past) -> None:
    del past.jobs[OTHER_JOB]


def part_of_an_unanswered_submission(past: Past) -> None:
    past.without_answer(SUBMIT)
    del past.jobs[OTHER_JOB]


def job_submitted_at_another_time(past: Past) -> None:
    past.jobs[OTHER_JOB].submitted_at = at(5)


def job_that_nobody_submitted(past: Past) -> None:
    uid = UUID(int=99)
    past.jobs[uid] = job(uid, Status.PENDING, attempts_wanted=1)


def refusal(past: Past) -> None:
    past.asked(FINISH, 409, {"code": "lease-lost"})


def another_answer_to_the_same_submission(past: Past) -> None:
    again = submitted(JOB, OTHER_JOB)
    again["jobs"][1]["submitted_at"] = at(5).isoformat()
    past.asked(SUBMIT, 201, again)


def answer_about_other_jobs(past: Past) -> None:
    past.record(SUBMIT).reply = submitted(OTHER_JOB, JOB)


def answer_of_another_end(past: Past) -> None:
    past.record(FINISH).reply = {"status": "lost"}


def order_to_stop(past: Past) -> None:
    past.asked(Beat(BOB, FIRST, 0.6), 200, {"stop": [{"job_uid": str(JOB), "attempt": 1}]})


# --- leases


def lost_attempt(past: Past) -> None:
    past.asked(Poll(CAROL, 1), 200, lease((OTHER_JOB, 1)))


def attempt_of_somebody_else(past: Past) -> None:
    past.attempts[FIRST].host_uid = CAROL


def number_given_twice(past: Past) -> None:
    past.asked(Poll(CAROL, 1), 200, lease(FIRST))


def attempt_that_nobody_asked_for(past: Past) -> None:
    unanswered_poll_with_an_attempt(past)
    past.history.records.pop()


def two_attempts_for_one_unanswered_poll(past: Past) -> None:
    unanswered_poll_with_an_attempt(past)
    another_attempt(past)
    past.history.records.pop()


def lease_while_another_holds_the_job(past: Past) -> None:
    """Carol asks for the job and gets it before Bob reports his end; the rows show the times of an honest grid."""
    second_attempt_after_a_loss(past)
    carols, bobs = past.history.records[-1], past.history.records[4]
    assert bobs.answered is not None
    assert carols.answered is not None
    bobs.sent, bobs.answered = carols.sent + 10, carols.answered + 10


def attempt_that_begins_before_the_last_has_ended(past: Past) -> None:
    second_attempt_after_a_loss(past)
    past.attempts[FIRST].ended_at = at(4)


def attempt_that_begins_while_the_last_is_live(past: Past) -> None:
    second_attempt_after_a_loss(past)
    past.attempts[FIRST].ended_at, past.attempts[FIRST].status = None, AttemptStatus.LEASED


# --- uploads and ends


def upload_without_a_row(past: Past) -> None:
    past.rows = replace(past.rows, uploads=frozenset())


def upload_without_a_blob(past: Past) -> None:
    past.rows = replace(past.rows, blobs={})


def blob_without_its_content(past: Past) -> None:
    past.rows = replace(past.rows, blobs={CONTENT.digest: False})


def lost_end(past: Past) -> None:
    past.attempts[FIRST] = attempt(FIRST, BOB, AttemptStatus.LEASED, 1, None)
    past.jobs[JOB] = job(JOB, Status.RUNNING, attempts_made=1)
    past.rows = replace(past.rows, outputs={})


def end_that_nobody_reported(past: Past) -> None:
    past.history.records.remove(past.record(FINISH))


def end_that_was_reported_otherwise(past: Past) -> None:
    past.without_answer(FINISH)
    past.attempts[FIRST].status = AttemptStatus.FAILED


def output_without_its_content(past: Past) -> None:
    by_exchange(past)
    past.rows = replace(past.rows, uploads=frozenset(), blobs={})


def exchange_of_which_the_end_is_lost(past: Past) -> None:
    by_exchange(past)
    past.attempts[FIRST] = attempt(FIRST, BOB, AttemptStatus.LEASED, 1, None)


def lease_of_an_exchange_that_is_lost(past: Past) -> None:
    by_exchange(past)
    past.history.records[4].reply["leases"] = [{"job_uid": str(OTHER_JOB), "attempt": 1}]


def half_of_an_unanswered_exchange(past: Past) -> None:
    """Bob's first end counts, and the second of the same exchange does not."""
    unanswered_exchange_that_came_to_nothing(past)
    past.attempts[FIRST] = attempt(FIRST, BOB, AttemptStatus.FINISHED, 1, 2)
    past.jobs[JOB] = job(JOB, Status.COMPLETED, attempts_made=1, result_attempt=1)
    past.rows = replace(past.rows, outputs={FIRST: dict(OUTPUTS)})


def second_end_of_an_exchange_that_is_lost(past: Past) -> None:
    two_ends_and_progress_at_once(past)
    past.attempts[OTHER_JOB, 1] = attempt((OTHER_JOB, 1), BOB, AttemptStatus.LEASED, 3, None)
    past.jobs[OTHER_JOB] = job(OTHER_JOB, Status.RUNNING, attempts_made=1)


def another_answer_to_an_end_in_an_exchange(past: Past) -> None:
    two_ends_and_progress_at_once(past)
    past.history.records[-1].reply["ends"][0]["reply"]["details"] = {"more": 1}


def answer_to_one_end_of_two(past: Past) -> None:
    two_ends_and_progress_at_once(past)
    past.history.records[-1].reply["ends"].pop()


def refused_end_in_an_exchange(past: Past) -> None:
    two_ends_and_progress_at_once(past)
    problem = {"code": "lease-lost", "status": 409}
    past.history.records[-1].reply["ends"][1] = {"job_uid": str(OTHER_JOB), "attempt": 1, "problem": problem}


def order_to_stop_in_an_exchange(past: Past) -> None:
    two_ends_and_progress_at_once(past)
    past.history.records[-1].reply["stop"] = [{"job_uid": str(UUID(int=80)), "attempt": 1}]


def more_attempts_than_were_asked_for(past: Past) -> None:
    two_ends_and_progress_at_once(past)
    past.record(Exchanged(BOB, ask=Poll(BOB, 1, at_most=2))).request = Exchanged(BOB, ask=Poll(BOB, 1))


def three_attempts_for_an_unanswered_exchange(past: Past) -> None:
    unanswered_exchange_with_two_attempts(past)
    past.attempts[OTHER_JOB, 1] = attempt((OTHER_JOB, 1), CAROL, AttemptStatus.LEASED, 3, None)
    past.jobs[OTHER_JOB] = job(OTHER_JOB, Status.RUNNING, attempts_made=1)


def second_lease_of_an_exchange_that_is_lost(past: Past) -> None:
    two_ends_and_progress_at_once(past)
    del past.attempts[UUID(int=80), 1]
    past.jobs[UUID(int=80)] = job(UUID(int=80), Status.PENDING, attempts_wanted=1)


def missing_outputs(past: Past) -> None:
    past.rows = replace(past.rows, outputs={})


def two_results(past: Past) -> None:
    another_attempt(past, AttemptStatus.FINISHED, 4)
    past.asked(Finish(CAROL, SECOND, Outcome.FINISHED), 200, {"status": "finished"})


def two_results_of_which_one_was_lost(past: Past) -> None:
    """Carol's result was accepted under the number that Bob's attempt had, after his was forgotten."""
    past.asked(Finish(CAROL, SECOND, Outcome.FINISHED), 200, {"status": "finished"})


# --- jobs


def number_left_out(past: Past) -> None:
    past.jobs[JOB].attempts_made = 2


def number_too_many(past: Past) -> None:
    another_attempt(past, AttemptStatus.LEASED)
    past.jobs[JOB].attempts_made = 1


def completed_job_that_is_still_wanted(past: Past) -> None:
    past.jobs[JOB].attempts_wanted = 1


def result_of_no_attempt(past: Past) -> None:
    past.jobs[JOB].result_attempt = None


def job_that_waits_for_ever(past: Past) -> None:
    past.jobs[OTHER_JOB].attempts_wanted = 0


BROKEN: Final[dict[str, list[Callable[[Past], None]]]] = {
    "lost-submit": [lost_job],
    "partial-submit": [part_of_an_unanswered_submission],
    "changed-job": [job_submitted_at_another_time],
    "unasked-job": [job_that_nobody_submitted],
    "refused": [refusal, refused_end_in_an_exchange],
    "changed-answer": [another_answer_to_the_same_submission, another_answer_to_an_end_in_an_exchange],
    "wrong-answer": [
        answer_about_other_jobs,
        answer_of_another_end,
        order_to_stop,
        answer_to_one_end_of_two,
        order_to_stop_in_an_exchange,
        more_attempts_than_were_asked_for,
    ],
    "lost-lease": [
        lost_attempt,
        attempt_of_somebody_else,
        lease_of_an_exchange_that_is_lost,
        second_lease_of_an_exchange_that_is_lost,
    ],
    "number-twice": [number_given_twice],
    "unasked-lease": [
        attempt_that_nobody_asked_for,
        two_attempts_for_one_unanswered_poll,
        three_attempts_for_an_unanswered_exchange,
    ],
    "two-hosts": [
        lease_while_another_holds_the_job,
        attempt_that_begins_before_the_last_has_ended,
        attempt_that_begins_while_the_last_is_live,
    ],
    "lost-upload": [upload_without_a_row, upload_without_a_blob],
    "torn-blob": [blob_without_its_content],
    "lost-content": [output_without_its_content],
    "lost-end": [lost_end, exchange_of_which_the_end_is_lost, second_end_of_an_exchange_that_is_lost],
    "partial-exchange": [half_of_an_unanswered_exchange],
    "unasked-end": [end_that_nobody_reported, end_that_was_reported_otherwise],
    "wrong-outputs": [missing_outputs],
    "accepted-twice": [two_results, two_results_of_which_one_was_lost],
    "wrong-count": [number_left_out, number_too_many],
    "wrong-state": [completed_job_that_is_still_wanted, result_of_no_attempt, job_that_waits_for_ever],
}


@pytest.mark.parametrize(
    ("code", "happens"),
    [pytest.param(code, happens, id=happens.__name__) for code, all_ in BROKEN.items() for happens in all_],
)
def test_a_broken_promise_is_found(code: str, happens: Callable[[Past], None]) -> None:
    past = Past()
    happens(past)

    assert code in past.broken


def test_each_rule_has_a_history_that_breaks_it() -> None:
    text = "".join(map(inspect.getsource, (checker, decisions)))

    assert set(re.findall(r'Violation\("([a-z-]+)"', text)) == set(BROKEN)


def test_a_violation_is_one_line_that_names_the_life() -> None:
    past = Past()
    lost_job(past)

    (found,) = violations(past.history.records, past.rows)

    assert str(found) == f"lost-submit: job {OTHER_JOB} was acknowledged and is not there, in life 1"
