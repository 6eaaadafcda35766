"""Exchanges: all that a host says of its attempts and asks for, in one request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from dispatcher import polls
from dispatcher.scheduling.polling import next_wait_s
from dispatcher.services import Services
from dispatcher.usecases import exchanges
from dispatcher.usecases.exchanges import Exchanging, Said
from dispatcher.usecases.giving import Asker
from dispatcher.usecases.results import ReportedEnd
from xwhep.errors.base import XwhepError
from xwhep.protocol.attempts import (
    AttemptAnswer,
    AttemptRef,
    AttemptReply,
    Exchange,
    ExchangedEnd,
    ExchangeReply,
    Work,
)
from xwhep.protocol.base import Problem
from xwhep.rights import Caller

_REPLY: Final = ExchangeReply[Work]  # looked up once: pydantic takes its time


async def answer(
    services: Services, caller: Caller, message: Exchange[Any], *, is_connected: Callable[[], bool]
) -> ExchangeReply[Work]:
    """Take reports, ends and progress of a host, and give it work; only a host that brings none of these waits for it.

    Raises:
        ProtocolTooOldError: the host speaks a protocol that is not served any more.
        InvalidFieldError: what the host says of itself cannot be.
        RevokedError: the host was revoked meanwhile.
    """
    ask, now = message.ask, services.now()
    asker = None if ask is None else Asker.of(services.kinds, caller, ask, at_most=ask.at_most)
    services.heard.note_host(caller.uid, now)
    if asker is not None and not message.says():
        with services.polls.one(caller.uid):
            leases = await polls.wait_for_leases(services, asker, is_connected=is_connected)
        return _REPLY(leases=leases, wait_s=_next_wait_s(services))
    if asker is None and not message.reports and not message.ends:
        done = services.database.glance(exchanges.take_progress, caller, message.progress)
    else:
        exchanging = Exchanging(caller, _said(caller, message), asker)
        done = await services.database.run_one_of(exchanges.exchange_all, services.kinds, exchanging, services.now)
    services.heard.note(caller.uid, done.live, now)
    return _REPLY(
        reports=_answers(message.reports, done.reports),
        ends=_answers(message.ends, done.ends),
        stop=done.stop,
        leases=done.leases,
        wait_s=None if ask is None else _next_wait_s(services),
    )


def _next_wait_s(services: Services) -> float:
    return next_wait_s(len(services.waiters), services.world.chance())


def _said(caller: Caller, message: Exchange[Any]) -> Said:
    return Said(
        reports=[((one.job_uid, one.attempt), one.report) for one in message.reports],
        ends=[_end(caller, one) for one in message.ends],
        progress=message.progress,
    )


def _end(caller: Caller, said: ExchangedEnd) -> ReportedEnd:
    contents = {hashlib.sha256(content).hexdigest(): content for content in said.contents}
    return ReportedEnd(caller.uid, (said.job_uid, said.attempt), said, contents)


def _answers(said: Sequence[AttemptRef], answers: Sequence[AttemptReply | XwhepError]) -> list[AttemptAnswer]:
    return [_answer(ref, answer) for ref, answer in zip(said, answers, strict=True)]


def _answer(ref: AttemptRef, answer: AttemptReply | XwhepError) -> AttemptAnswer:
    name = {"job_uid": ref.job_uid, "attempt": ref.attempt}
    if isinstance(answer, XwhepError):
        problem = Problem(code=answer.code, detail=answer.text, field=answer.field, status=answer.http_status)
        return AttemptAnswer(**name, problem=problem)
    return AttemptAnswer(**name, reply=answer)
