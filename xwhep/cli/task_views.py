"""A Task as people and programs see it. What stands on chain is foreign: it is shown harmless, and never believed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel

from xwhep.chain.parameters import VanityParameters, decode_vanity_parameters, decode_vanity_result
from xwhep.chain.reasons import FailureReason
from xwhep.chain.values import NOBODY, Address, SettledTask, SubmittedTask, TaskState, TaskStatus, rlc_text
from xwhep.cli.task_keys import find_part
from xwhep.errors.jobs import FalseResultError
from xwhep.terminal.display import facts, moment, safe_lines
from xwhep.vanity.key_files import key_folder
from xwhep.vanity.requester import find, finish
from xwhep.vanity.split_key import Hit
from xwhep.vanity.wanted import want_patterns

if TYPE_CHECKING:
    from xwhep.chain.hub import Hub

EventT = TypeVar("EventT", SubmittedTask, SettledTask)
Events = Sequence[SubmittedTask | SettledTask]  #: of one Task, in chain order


class Callback(StrEnum):
    """What became of the call by which the hub tells a dapp's contract of a settlement."""

    DELIVERED = "delivered"
    FAILED = "failed"  #: the contract did not take it; the result stands on the chain all the same


class TaskView(BaseModel):
    """What `show` and `watch` print."""

    task_id: int
    status: TaskStatus
    app: str
    requester: Address
    deadline: datetime
    price: int | None = None  #: in units of 10^-9 RLC
    pattern: str | None = None
    address: str | None = None  #: what a search found, checked
    key_file: Path | None = None  #: where the private key is
    report: str | None = None  #: what an app wrote
    reason: str | None = None  #: why it failed
    settled_in: str | None = None  #: the transaction
    callback: Callback | None = None  #: None where no contract is to be told, or not yet
    confirmed: bool = False  #: whether it stands behind as many blocks as the deployment asks for


def view_of(hub: Hub, number: int, state: TaskState, events: Events) -> TaskView:
    """Return a Task as it stands, without its result."""
    names = {app: name for name, app in hub.deployment.apps.items()}
    submitted = _first(events, SubmittedTask)
    settled = _first(events, SettledTask)
    view = TaskView(
        task_id=number,
        status=state.status,
        app=names.get(state.app, f"number {state.app}"),
        requester=state.requester,
        deadline=datetime.fromtimestamp(min(state.deadline, _END_OF_TIME), UTC),
        price=None if submitted is None else submitted.price,
        settled_in=None if settled is None else "0x" + settled.position.transaction_hash.hex(),
    )
    if settled is not None and settled.status is TaskStatus.FAILED:
        return view.model_copy(update={"reason": reason_of(settled.result)})
    return view


async def callback_of(hub: Hub, state: TaskState, events: Events) -> Callback | None:
    """Return whether the Task's contract was told of its settlement; a refund is told to nobody."""
    settled = _first(events, SettledTask)
    if settled is None or state.callback == NOBODY or settled.status is TaskStatus.REFUNDED:
        return None
    return Callback.FAILED if await hub.callback_failed(settled) else Callback.DELIVERED


def with_result(view: TaskView, events: Events, key_file: Path | None, *, combine: bool) -> TaskView:
    """Return a Task with its result, which is checked; with `combine`, the private key is made and stored too.

    Raises:
        FalseResultError: the result is not what was asked for.
        XwhepError: what was asked for cannot be read.
    """
    submitted, settled = _first(events, SubmittedTask), _first(events, SettledTask)
    if submitted is None or settled is None or settled.status is not TaskStatus.DONE:
        return view
    if hashlib.sha256(settled.result).digest() != settled.digest:
        raise FalseResultError("it has not the SHA-256 that goes with it")
    if view.app != "vanity":
        return view.model_copy(update={"report": settled.result.decode("utf-8", errors="replace")})
    wanted = decode_vanity_parameters(submitted.params)
    address, file = _found(wanted, settled.result, key_file, combine=combine)
    return view.model_copy(update={"pattern": wanted.pattern, "address": address, "key_file": file})


def _found(wanted: VanityParameters, result: bytes, key_file: Path | None, *, combine: bool) -> tuple[str, Path | None]:
    """Return the address, and where its private key is now; None where the requester's part is elsewhere."""
    said = decode_vanity_result(result)
    hit = Hit(said.s, said.e, -1 if said.negative else 1)
    patterns = want_patterns([wanted.pattern])
    own = find_part(wanted.public_key, key_file) if combine else None
    if own is None:
        return find(wanted.public_key, hit, patterns).address, None
    part, path = own
    finished = finish(part, hit, patterns, key_folder() if key_file is None else path.absolute().parent)
    return finished.found.address, finished.key_file


def reason_of(result: bytes) -> str:
    """Return why a Task failed: the words for a code that is known, or else what the oracle wrote."""
    code = result[:64].decode("ascii", errors="replace")
    reason = FailureReason.of(code)
    return code if reason is None else f"{reason.words} ({code})"


def describe(view: TaskView, now: datetime) -> str:
    """Return a Task for people."""
    lines = facts(
        [
            ("task", view.task_id),
            ("status", view.status if view.confirmed or not view.status.is_final else f"{view.status}, not confirmed"),
            ("app", view.app),
            ("requester", view.requester),
            ("price", None if view.price is None else rlc_text(view.price)),
            ("deadline", moment(view.deadline, now)),
            ("reason", view.reason),
            ("pattern", view.pattern),
            ("address", view.address),
            ("private key in", view.key_file),
            ("settled in", view.settled_in),
            ("callback", view.callback),
        ]
    )
    return lines if view.report is None else f"{lines}\n\n{safe_lines(view.report).rstrip()}"


_END_OF_TIME: Final = 253402300799  # 9999-12-31, the last day that a datetime knows


def _first(events: Events, kind: type[EventT]) -> EventT | None:
    return next((event for event in events if isinstance(event, kind)), None)
