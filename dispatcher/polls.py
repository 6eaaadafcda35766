"""Long polls: look, wait until something may have changed, look again."""

from __future__ import annotations

from collections.abc import Callable

from dispatcher.services import Services
from dispatcher.usecases import leasing
from dispatcher.wakeups import Waiter
from xwhep.protocol.attempts import Lease, LeaseRequest, Work
from xwhep.rights import Caller


async def wait_for_lease(
    services: Services, caller: Caller, message: LeaseRequest, *, is_connected: Callable[[], bool]
) -> Lease[Work] | None:
    """Return a lease as soon as something fits; None when the time is up, the host is gone or the dispatcher stops.

    Raises:
        InvalidFieldError: what the host says of itself cannot be.
        RevokedError: the host was revoked while it waited.
    """
    abilities = services.kinds.abilities(message)
    world = services.world
    deadline = world.monotonic() + message.wait_s
    waiters, lease = services.waiters, None
    waiter, used = waiters.enter(), Waiter()
    try:
        while is_connected():
            # where nothing fits, nothing is written
            lease = await services.database.run(
                leasing.lease, services.kinds, caller, message, abilities, now=services.now()
            )
            if lease is not None or waiters.closed:
                break
            waiters.pass_on(used)  # what woke us fits somebody else, if anybody
            async with world.timeout_at(deadline):
                await waiter.woken.wait()
            waiter, used = waiters.enter(), waiter  # before looking again, or news may be missed
    except TimeoutError:
        pass
    finally:
        waiters.leave(waiter)
        waiters.pass_on(waiter)
        if lease is None:
            waiters.pass_on(used)
    return lease
