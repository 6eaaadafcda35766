"""What the dispatcher does by itself: write heartbeats down, take back ended leases, renew its certificate."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dispatcher.services import Services
from dispatcher.usecases import leasing
from xwhep.errors import XwhepError

LOG = logging.getLogger("dispatcher")

FLUSH_S: Final = 5.0
RENEWAL_S: Final = 3600.0


async def keep_leases(services: Services, every_s: float = FLUSH_S) -> None:
    """Write down what was heard of, then take back the leases that ended; for ever."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await tend_leases(services)
        except XwhepError as error:
            LOG.warning("the leases could not be written down, trying again: %s", error)


async def tend_leases(services: Services) -> None:
    """Write down what was heard of since the last time, and give lost jobs to others."""
    heard, hosts = services.heard.drain()
    if heard or hosts:
        await services.database.run(leasing.prolong, heard, hosts)
    lost = await services.database.run(leasing.expire, now=services.now())
    if lost:
        LOG.info("%d attempts were lost: their hosts fell silent", lost)
        services.waiters.wake(lost)


async def keep_certificate(
    services: Services, context: ssl.SSLContext, folder: Path, names: Sequence[str], every_s: float = RENEWAL_S
) -> None:
    """Renew the server's certificate when it is due; connections that are open keep the old one."""
    while True:
        await asyncio.sleep(every_s)
        if services.authority.ensure_server_certificate(folder, names, services.now()):
            context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
            LOG.info("the server's certificate was renewed")
