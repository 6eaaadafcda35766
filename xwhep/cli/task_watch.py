"""Waiting for a Task on chain until it is settled, behind as many blocks as its deployment asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xwhep.chain.values import SettledTask, TaskState, TaskStatus
from xwhep.cli.task_views import Events
from xwhep.errors.chain import NodeUnavailableError, NoSuchTaskError, TaskExpiredError
from xwhep.terminal.progress import described_bar
from xwhep.terminal.shell import remark
from xwhep.world import REAL

if TYPE_CHECKING:
    from xwhep.chain.hub import Hub

_POLL_S: Final = 1.0  # the blocks of development chains
_POLL_ELSEWHERE_S: Final = 6.0  # half of a block's time
#: how often in a row a node may be of no use
_PATIENCE: Final = 60


async def settled(hub: Hub, number: int) -> tuple[TaskState, Events]:
    """Return a Task and its events once it is settled and confirmed.

    Raises:
        NoSuchTaskError: there is none.
        TaskExpiredError: its deadline passed, and nobody will settle it any more.
        NodeUnavailableError: the node was of no use many times in a row.
    """
    pause_s = _POLL_S if hub.deployment.on_development_chain else _POLL_ELSEWHERE_S
    failures = 0
    with described_bar("waiting") as advance:
        while True:
            try:
                state, events = await _look(hub, number)
                failures = 0
            except NodeUnavailableError as error:
                failures += 1
                if failures > _PATIENCE:
                    raise
                if failures == 1:
                    remark(f"{error.text}; still waiting")
            else:
                if events is not None:
                    return state, events
                advance(0.0, "for the oracle" if state.status is TaskStatus.PENDING else "for confirmation")
            await REAL.sleep(pause_s)


async def _look(hub: Hub, number: int) -> tuple[TaskState, Events | None]:
    """Return a Task as it stands; with its events once these, the settlement among them, are confirmed."""
    last = max(0, await hub.node.head() - hub.deployment.confirmations)
    newest = await hub.node.block(last)
    state = await hub.task(number)  # not before the block: what it may yet become depends on that one's time
    match state.status:
        case TaskStatus.NONE:
            raise NoSuchTaskError(number, hub.deployment.hub)
        case TaskStatus.PENDING:
            if newest is not None and newest.timestamp > state.deadline:
                raise TaskExpiredError(number)  # no later block can hold a settlement but a refund
            return state, None
        case TaskStatus.DONE | TaskStatus.FAILED | TaskStatus.REFUNDED:
            events = await hub.history(number, last)
            confirmed = [event.status for event in events if isinstance(event, SettledTask)]
            return state, events if state.status in confirmed else None
