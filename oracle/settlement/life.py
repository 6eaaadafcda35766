"""The life of a task as the oracle lives it: which state follows which, and what is to be done next.

Every step that a state asks for may be done twice: a batch has a derived id, a transaction is resent as it was signed,
and the hub settles once. So a crash anywhere goes on from the state that the ledger names, and a reorganisation of the
chain only has to lead back to `seen`. Times are the chain's, in seconds since 1970. This module knows no clock, no
database and no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, assert_never

from xwhep.errors.requests import IllegalTransitionError


class State(StrEnum):
    """Where a task is in its life."""

    SEEN = "seen"  #: read from the chain, behind the confirmations
    CONFIRMED = "confirmed"  #: the hub holds it, it was understood, and its turn has come
    DISPATCHED = "dispatched"  #: the grid has its batch
    ANSWERED = "answered"  #: what the hub is to be told is known, and was verified
    SENT = "sent"  #: a transaction that tells the hub was signed and stored; the outbox sends it until it is mined
    SETTLED = "settled"  #: the hub has taken an answer, ours or another's
    REFUNDED = "refunded"  #: the requester has the RLC back, since the deadline passed
    ORPHANED = "orphaned"  #: a reorganisation of the chain took its submission away


class Event(StrEnum):
    """What can happen to a task."""

    ADMITTED = "admitted"
    DISPATCHED = "dispatched"
    ANSWERED = "answered"
    SIGNED = "signed"
    VOIDED = "voided"  #: the transaction can have no effect any more: another took its nonce, or it reverted
    SETTLED = "settled"
    REFUNDED = "refunded"
    ORPHANED = "orphaned"
    REOPENED = "reopened"  #: a reorganisation took the settlement away
    SEEN_AGAIN = "seen-again"  #: the submission of an orphaned task was mined once more


#: the states of a task that the hub still waits for
OPEN: Final = (State.SEEN, State.CONFIRMED, State.DISPATCHED, State.ANSWERED, State.SENT)

TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = MappingProxyType(
    {
        (State.SEEN, Event.ADMITTED): State.CONFIRMED,
        (State.CONFIRMED, Event.DISPATCHED): State.DISPATCHED,
        (State.SEEN, Event.ANSWERED): State.ANSWERED,
        (State.CONFIRMED, Event.ANSWERED): State.ANSWERED,
        (State.DISPATCHED, Event.ANSWERED): State.ANSWERED,
        (State.ANSWERED, Event.SIGNED): State.SENT,
        (State.SENT, Event.VOIDED): State.ANSWERED,
        **{(state, Event.SETTLED): State.SETTLED for state in OPEN},
        **{(state, Event.REFUNDED): State.REFUNDED for state in OPEN},
        (State.SETTLED, Event.REOPENED): State.SEEN,
        (State.REFUNDED, Event.REOPENED): State.SEEN,
        **{(state, Event.ORPHANED): State.ORPHANED for state in State if state is not State.ORPHANED},
        (State.ORPHANED, Event.SEEN_AGAIN): State.SEEN,
    }
)


def advance(state: State, event: Event) -> State:
    """Return the state that follows `state` on `event`.

    Raises:
        IllegalTransitionError: the table has no such step.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError as error:
        raise IllegalTransitionError(state, event) from error


class Step(StrEnum):
    """What the oracle does next for a task."""

    ADMIT = "admit"  #: read it at the hub, understand it, and let it in when its turn has come
    DISPATCH = "dispatch"  #: hand its batch to the grid
    LOOK = "look"  #: ask the grid how the batch is
    RECALL = "recall"  #: the answer is known from before a reorganisation
    GIVE_UP = "give-up"  #: fail it while there is time to, so that the RLC goes back at once
    SEND = "send"  #: sign the transaction that settles it
    CANCEL = "cancel"  #: take its batch back: nobody waits for it any more


@dataclass(frozen=True, slots=True)
class Margins:
    """How early the oracle is, in seconds of the chain's time."""

    send_s: int  #: no transaction is first sent later than this before the deadline: it might come too late, and tell
    #: the requester for nothing what was paid for
    give_up_s: int  #: a task without an answer is failed this long before its deadline; more than `send_s`
    orphan_s: int  #: how long the batch of an orphaned task goes on, since most are mined again


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides on a task's next step."""

    state: State
    deadline: int  #: the last second in which the hub takes an answer
    answered: bool  #: an answer is in the ledger
    batch_open: bool  #: the grid may be at work on it
    changed_at: int  #: when it came into its state


def next_step(standing: Standing, margins: Margins, *, now: int) -> Step | None:
    """Return what to do for a task; None if there is nothing, or only waiting, to do."""
    match standing.state:
        case State.SEEN | State.CONFIRMED | State.DISPATCHED:
            return _unanswered(standing, margins, now)
        case State.ANSWERED if now <= standing.deadline - margins.send_s:
            return Step.SEND
        case State.ANSWERED | State.SENT | State.SETTLED | State.REFUNDED:
            return Step.CANCEL if standing.batch_open else None
        case State.ORPHANED:
            over = now > standing.changed_at + margins.orphan_s
            return Step.CANCEL if standing.batch_open and over else None
        case _:
            assert_never(standing.state)


def _unanswered(standing: Standing, margins: Margins, now: int) -> Step | None:
    """Return the step of a task that has not got its answer on the way yet."""
    if now > standing.deadline - margins.send_s:
        return Step.CANCEL if standing.batch_open else None  # too late; after the deadline anybody may refund it
    if standing.answered:
        return Step.RECALL
    if now > standing.deadline - margins.give_up_s:
        return Step.GIVE_UP
    return {State.SEEN: Step.ADMIT, State.CONFIRMED: Step.DISPATCH, State.DISPATCHED: Step.LOOK}[standing.state]
