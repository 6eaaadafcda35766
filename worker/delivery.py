"""What a worker says to its dispatcher, and what the answers mean: all that falls due together is one exchange.

What the dispatcher refuses for good is dropped with a line in the log: it knows why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from worker.agent import events
from worker.agent.events import Cause, Poll, Ref, Saying, SendEnd, SendHeartbeat, SendReports
from worker.keeping import Keeper, lost
from worker.probe import operating_system, processor
from worker.runs.registry import Runners
from worker.trouble import Mailbox, code_of, is_fatal, status_of, told
from worker.turns import End, Reports, Turn, Turns
from xwhep.client.host import HostClient
from xwhep.errors.base import XwhepError, from_problem
from xwhep.errors.jobs import LeaseLostError, StorageFullError, UnavailableError
from xwhep.lifecycle import ATTEMPT_ENDS
from xwhep.protocol.attempts import (
    MAX_REPORTS_AN_EXCHANGE,
    PROTOCOL,
    Ask,
    AttemptAnswer,
    AttemptProgress,
    AttemptReply,
    Exchange,
    ExchangedEnd,
    ExchangedReport,
    ExchangeReply,
    FinishAttempt,
    Outcome,
    ProgressFields,
)

log = logging.getLogger(__name__)

Answer: TypeAlias = AttemptReply | XwhepError

_DAMAGED: Final = frozenset({"digest-mismatch", "too-large", "invalid-field"})
_NO_ANSWER: Final = "the dispatcher's reply does not say what became of it"


class Delivery:
    """The way of one worker to its dispatcher; `latest` tells how far an attempt is."""

    def __init__(
        self,
        client: HostClient,
        keeper: Keeper,
        kinds: Runners,
        mailbox: Mailbox,
        latest: Callable[[Ref], ProgressFields],
    ) -> None:
        self._client = client
        self._keeper = keeper
        self._kinds = kinds
        self._mailbox = mailbox
        self._latest = latest
        self._os, self._cpu = operating_system(), processor()

    async def exchange(self, sayings: Sequence[Saying], poll: Poll | None = None) -> None:
        """Say all this, and ask for work; what comes of each is told to the agent."""
        turns = Turns(Turn(poll=poll))
        for said in sayings:
            match said:
                case SendHeartbeat():
                    turns.together.beat = said
                case SendReports():
                    await self._plan_reports(turns, said)
                case SendEnd():
                    await self._plan_end(turns, said)
        small = [turn for turn in (turns.together, *turns.alone) if turn.each()]
        await asyncio.gather(*map(self._take_turn, small), *map(self._bring, turns.large))

    # --- what is said

    async def _plan_reports(self, turns: Turns, said: SendReports) -> None:
        some = Reports(said, {})
        for number in said.numbers:
            try:
                report = await self._keeper.report(said.ref, number)
            except (OSError, ValidationError) as error:
                log.warning("job %s, attempt %s: a report cannot be read any more (%s)", *said.ref, error)
            else:
                name = {"job_uid": said.ref.job_uid, "attempt": said.ref.attempt}
                some.sent[number] = ExchangedReport[Any](**name, report=report)
        if not some.sent:
            await self._reports_answered(some, [])
        elif turns.together.report_count() + len(some.sent) <= MAX_REPORTS_AN_EXCHANGE:
            turns.together.reports.append(some)
        else:
            turns.alone.append(Turn(reports=[some]))

    async def _plan_end(self, turns: Turns, said: SendEnd) -> None:
        try:
            end = End.of(said, await self._keeper.end(said.ref))
        except (OSError, ValidationError) as error:
            log.warning("job %s, attempt %s: its end cannot be read any more (%s)", *said.ref, error)
            self._mailbox.tell(events.EndAnswered, said.ref)
            return
        if end.ahead or end.inside_bytes() > turns.room_bytes:
            turns.large.append(end)
        else:
            turns.room_bytes -= end.inside_bytes()
            turns.together.ends.append((said, await self._with_contents(end)))

    async def _with_contents(self, end: End) -> ExchangedEnd:
        """Return the end as it travels; if an output is damaged, that of an attempt that is given back."""
        ref, message = end.said.ref, end.message
        try:
            contents = await self._keeper.contents(ref, end.inside)
        except (OSError, XwhepError) as error:
            contents, message = [], lost(_undelivered(error), ProgressFields())
        return ExchangedEnd(job_uid=ref.job_uid, attempt=ref.attempt, **dict(message), contents=contents)

    async def _bring(self, end: End) -> None:
        """Upload what does not travel inside, then say how the attempt ended."""
        try:
            for output in end.ahead:
                await self._client.store(*end.said.ref, output, self._keeper.spool.output(end.said.ref, output.name))
        except OSError as error:
            self._give_up(end.said, error)
        except XwhepError as error:
            self._end_answered(end.said, end.message, error)
        else:
            await self._take_turn(Turn(ends=[(end.said, await self._with_contents(end))]))

    def _message(self, turn: Turn) -> Exchange[Any]:
        return Exchange[Any](
            reports=[report for some in turn.reports for report in some.sent.values()],
            ends=[end for _, end in turn.ends],
            progress=[] if turn.beat is None else list(map(self._progress, turn.beat.refs)),
            ask=None if turn.poll is None else self._ask(turn.poll),
        )

    def _progress(self, ref: Ref) -> AttemptProgress:
        return AttemptProgress(job_uid=ref.job_uid, attempt=ref.attempt, **dict(self._latest(ref)))

    def _ask(self, poll: Poll) -> Ask:
        abilities = {kind: self._kinds[kind].ability() for kind in sorted(poll.kinds)}
        able = {"os": self._os, "cpu": self._cpu, "kinds": abilities}
        return Ask(protocol=PROTOCOL, at_most=poll.at_most, wait_s=poll.wait_s, **able)

    # --- what is answered

    async def _take_turn(self, turn: Turn) -> None:
        try:
            reply = await self._client.exchange(self._message(turn))
        except XwhepError as error:
            await self._refused(turn, error)
        else:
            await self._answered(turn, reply)

    async def _refused(self, turn: Turn, error: XwhepError) -> None:
        """Take in that a whole exchange was refused, or did not arrive."""
        parts = turn.each()
        if not _is_about_content(error) or (len(parts) == 1 and (turn.beat or turn.poll)):
            self._failed(turn, error)
        elif len(parts) == 1:
            for some in turn.reports:
                await self._reports_answered(some, [error] if len(some.sent) == 1 else await self._one_by_one(some))
            for of_end, end in turn.ends:
                self._end_answered(of_end, end, error)
        else:  # one of them is the reason; the others count
            for part in parts:
                await self._take_turn(part)

    async def _one_by_one(self, some: Reports) -> list[Answer]:
        """Send each of the reports of which one is refused alone."""
        answers: list[Answer] = []
        for report in some.sent.values():
            try:
                reply = await self._client.exchange(Exchange[Any](reports=[report]))
            except XwhepError as error:
                answers.append(error)
            else:
                answers.append(_answer(reply.reports[0] if reply.reports else None))
        return answers

    async def _answered(self, turn: Turn, reply: ExchangeReply[Any]) -> None:
        answers, ends = iter(reply.reports), _by_ref(reply.ends)
        for some in turn.reports:  # they are answered in their order
            await self._reports_answered(some, [_answer(next(answers, None)) for _ in some.sent])
        for of_end, end in turn.ends:
            self._end_answered(of_end, end, _answer(ends.get(of_end.ref)))
        if turn.beat is not None:
            self._mailbox.tell(events.HeartbeatAnswered, frozenset(Ref(one.job_uid, one.attempt) for one in reply.stop))
        if turn.poll is not None:
            waited = not (turn.reports or turn.ends or turn.beat)
            self._mailbox.tell(events.PollAnswered, tuple(reply.leases), reply.wait_s, waited)

    def _failed(self, turn: Turn, error: XwhepError) -> None:
        self._mailbox.note(error, "reporting and asking for work")
        for ref in (*(some.said.ref for some in turn.reports), *(said.ref for said, _ in turn.ends)):
            self._mailbox.tell(events.DeliveryFailed, ref, error.retry_after_s)
        if turn.beat is not None:
            self._mailbox.tell(events.HeartbeatFailed, error.retry_after_s)
        if turn.poll is not None:
            self._mailbox.tell(events.PollFailed, error.retry_after_s)

    async def _reports_answered(self, some: Reports, answers: Sequence[Answer]) -> None:
        """Take in what became of reports; those that cannot be read any more are done with."""
        ref, over, failure = some.said.ref, list[Cause](), list[XwhepError]()
        settled = [number for number in some.said.numbers if number not in some.sent]
        for (number, sent), answer in zip(some.sent.items(), answers, strict=True):
            if isinstance(answer, XwhepError) and _is_for_later(answer):
                failure.append(answer)
                continue
            settled.append(number)
            if not over:  # those behind the one that ended the attempt came too late
                over += self._taken_in(ref, sent, answer)
        for number in settled:
            await self._keeper.forget_report(ref, number, others=bool(over))
        if settled:
            first = over[0] if over else None
            self._mailbox.tell(events.ReportsAnswered, ref, tuple(settled), first, bool(failure))
        if failure:
            self._tell_for_later(ref, failure[0])

    def _taken_in(self, ref: Ref, sent: ExchangedReport[Any], answer: Answer) -> list[Cause]:
        """Take in what became of a report for good; return why its attempt is over, if it is."""
        runner = self._kinds.get(sent.report.kind)
        if isinstance(answer, AttemptReply):
            log.debug("job %s, attempt %s: a report was accepted", *ref)
            if runner is not None and answer.details is not None:
                runner.answered(answer.details)
            return [Cause.REPORTED] if answer.status in ATTEMPT_ENDS else []
        if runner is not None and isinstance(answer, runner.reported_before):  # its answer was lost
            return []
        is_taken_back = isinstance(answer, LeaseLostError)  # no fault of anybody: as when the search was won elsewhere
        level = logging.INFO if is_taken_back else logging.WARNING
        log.log(level, "job %s, attempt %s: a report was refused: %s", *ref, answer)
        return [Cause.TAKEN_BACK] if is_taken_back else []

    def _end_answered(self, said: SendEnd, sent: FinishAttempt, answer: Answer) -> None:
        if isinstance(answer, XwhepError) and code_of(answer) in _DAMAGED and sent.outcome is not Outcome.LOST:
            log.warning("job %s, attempt %s: its end was refused, so it is given back: %s", *said.ref, answer)
            self._give_up(said, answer)
        elif isinstance(answer, AttemptReply) or self._is_final(said.ref, answer, "its end"):
            self._mailbox.tell(events.EndAnswered, said.ref)

    def _give_up(self, said: SendEnd, error: OSError | XwhepError) -> None:
        self._keeper.give_up(said.ref, _undelivered(error))
        self._mailbox.tell(events.DeliveryPostponed, said.ref)

    def _is_final(self, ref: Ref, error: XwhepError, what: str) -> bool:
        """Tell whether something is refused for good. If not, the agent is told."""
        if _is_for_later(error):
            self._tell_for_later(ref, error)
            return False
        log.warning("job %s, attempt %s: %s was refused: %s", *ref, what, error)
        return True

    def _tell_for_later(self, ref: Ref, error: XwhepError) -> None:
        """Tell the agent that something cannot be taken now."""
        if isinstance(error, StorageFullError):
            self._mailbox.tell(events.DeliveryPostponed, ref)
        else:
            self._mailbox.note(error, "delivering a result")
            self._mailbox.tell(events.DeliveryFailed, ref, error.retry_after_s)


def _is_for_later(error: XwhepError) -> bool:
    """Tell whether what was refused may be taken another time."""
    return isinstance(error, StorageFullError) or is_fatal(error) or status_of(error) >= 500


def _is_about_content(error: XwhepError) -> bool:
    """Tell whether an exchange was refused for what it says; not, for example, by a dispatcher that knows none."""
    return code_of(error) in _DAMAGED or isinstance(error, StorageFullError)


def _undelivered(error: OSError | XwhepError) -> str:
    return f"a result could not be delivered: {told(error)}"


def _by_ref(answers: Sequence[AttemptAnswer]) -> dict[Ref, AttemptAnswer]:
    return {Ref(answer.job_uid, answer.attempt): answer for answer in answers}


def _answer(answer: AttemptAnswer | None) -> Answer:
    if answer is not None and answer.reply is not None:
        return answer.reply
    if answer is not None and answer.problem is not None:
        problem = answer.problem
        return from_problem(problem.code, problem.detail, problem.status, problem.field)
    return UnavailableError(_NO_ANSWER)
