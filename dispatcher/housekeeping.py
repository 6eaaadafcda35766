"""What the dispatcher does by itself: write heartbeats down, take back ended leases, renew its certificate."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from dispatcher.leases import LEASE
from dispatcher.services import Services
from dispatcher.usecases import leasing
from xwhep.errors import XwhepError

LOG = logging.getLogger("dispatcher")

FLUSH_S: Final = 5.0
RENEWAL_S: Final = 3600.0
#: longer than this between two looks at the leases, and silence says nothing about the hosts
STALL: Final = LEASE / 2


async def keep_leases(services: Services, every_s: float = FLUSH_S) -> None:
    """Write down what was heard of, then take back the leases that ended; for ever."""
    tended_at = services.now()
    while True:
        await asyncio.sleep(every_s)
        try:
            tended_at = await tend_leases(services, tended_at)
        except XwhepError as error:
            LOG.warning("the leases could not be written down, trying again: %s", error)


async def tend_leases(services: Services, tended_at: datetime) -> datetime:
    """Write down what was heard of since the last time, and give lost jobs to others; return when this was.

    When the last time is long ago, this machine slept or its disk was full: then it was not the hosts that fell silent.
    When it is ahead, the clock was set back, and the ends of the leases are as far ahead.
    """
    await _write_down(services)
    now = services.now()  # read once: what happens to the clock or to this process from here on is for the next time
    if abs(now - tended_at) > STALL:
        LOG.warning("the leases were last tended at %s, and now it is %s: all are prolonged", tended_at, now)
        await services.database.run(leasing.prolong_all, now=now)
    lost = await services.database.run(leasing.expire, now=now)
    if lost:
        LOG.info("%d attempts were lost: their hosts fell silent", lost)
        services.waiters.wake(lost)
    return now


async def _write_down(services: Services) -> None:
    heard, hosts = services.heard.drain()
    if not heard and not hosts:
        return
    try:
        await services.database.run(leasing.prolong, heard, hosts)
    except XwhepError:
        services.heard.put_back(heard, hosts)
        raise


async def keep_certificate(
    services: Services, context: ssl.SSLContext, folder: Path, names: Sequence[str], every_s: float = RENEWAL_S
) -> None:
    """Renew the server's certificate when it is due; connections that are open keep the old one."""
    while True:
        await asyncio.sleep(every_s)
        try:
            if await asyncio.to_thread(services.authority.ensure_server_certificate, folder, names, services.now()):
                context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
                LOG.info("the server's certificate was renewed")
        except (XwhepError, OSError) as error:
            LOG.warning("the server's certificate could not be renewed, trying again: %s", error)
