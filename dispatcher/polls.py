"""Long polls: look, wait until something may have changed, look again."""

from __future__ import annotations

from collections.abc import Callable

from dispatcher.services import Services
from dispatcher.usecases import exchanges
from dispatcher.usecases.exchanges import NOTHING, Exchanging
from dispatcher.usecases.giving import Asker
from dispatcher.wakeups import Waiter
from xwhep.protocol.attempts import Lease, Work


async def wait_for_leases(services: Services, asker: Asker, *, is_connected: Callable[[], bool]) -> list[Lease[Work]]:
    """Return leases as soon as something fits; none when the time is up, the host is gone or the dispatcher stops.

    Raises:
        RevokedError: the host was revoked while it waited.
    """
    world, waiters = services.world, services.waiters
    deadline = world.monotonic() + asker.request.wait_s
    leases: list[Lease[Work]] = []
    asking = Exchanging(asker.caller, NOTHING, asker)
    waiter, used = waiters.enter(asker.profile), Waiter()
    try:
        while is_connected():
            # where nothing fits, nothing is written
            done = await services.database.run_one_of(exchanges.exchange_all, services.kinds, asking, services.now)
            leases = done.leases
            if leases or waiters.closed:
                break
            waiters.pass_on(used)  # what woke us fits somebody else, if anybody
            async with world.timeout_at(deadline):
                await waiter.woken.wait()
            waiter, used = waiters.enter(asker.profile), waiter  # before looking again, or news may be missed
    except TimeoutError:
        pass
    finally:
        waiters.leave(waiter)
        waiters.pass_on(waiter)
        if not leases:
            waiters.pass_on(used)
    return leases
