"""What the dispatcher does by itself.

It writes heartbeats down, takes back ended leases, ends what has ended with its batch or its host, renews its
certificate, and tidies up.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from dispatcher.scheduling.leases import LEASE
from dispatcher.services import Services
from dispatcher.storage.blobs import PARTS
from dispatcher.usecases import catalogue, leasing, members, slices
from xwhep.errors.base import XwhepError

LOG = logging.getLogger("dispatcher")

FLUSH_S: Final = 5.0
RENEWAL_S: Final = 3600.0
#: attempts or hosts that one transaction is about: others want the database too
AT_A_TIME: Final = 200
#: longer than this between two looks at the leases, and silence says nothing about the hosts
STALL: Final = LEASE / 2
#: between two looks at a part of the store; all parts are looked at within half a day
SWEEP_S: Final = 150.0
#: how long content without a row is kept: long after the request that brought it has written the row, or has failed
UNNAMED: Final = timedelta(days=1)


async def keep_leases(services: Services, every_s: float = FLUSH_S) -> None:
    """Write down what was heard of, then take back the leases that ended; for ever."""
    tended_at = services.now()
    while True:
        await services.world.sleep(every_s)
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
        await prolong_all(services, now)
    services.peers.follow(await services.database.read(members.revocations))
    lost = 0
    while found := await services.database.run_own(leasing.expire, services.kinds, now=now, at_most=AT_A_TIME):
        lost += found
    if lost:
        LOG.info("%d attempts were lost: their hosts fell silent", lost)
    return now


async def prolong_all(services: Services, now: datetime) -> int:
    """Give every live lease its full length from now; return how many there were."""
    prolonged = 0
    while found := await services.database.run_own(leasing.prolong_all, now=now):
        prolonged += found
    return prolonged


async def keep_following_up(services: Services, every_s: float = FLUSH_S) -> None:
    """End the jobs of ended batches and the attempts of revoked hosts, at once if it is asked for; for ever.

    A batch or a host has ended when the first slice of its jobs or attempts is answered; a dispatcher that was killed
    before the last goes on here.
    """
    while True:
        services.unfinished.clear()
        try:
            await follow_up(services)
        except XwhepError as error:
            LOG.warning("jobs of batches that have ended could not be ended, trying again: %s", error)
        with contextlib.suppress(TimeoutError):
            async with services.world.timeout(every_s):
                await services.unfinished.wait()


async def follow_up(services: Services) -> int:
    """End them slice by slice, with the use cases of others in between; return how many there were."""
    ended = 0
    while found := await services.database.run_own(slices.follow_up, services.kinds, now=services.now()):
        ended += found
    if ended:
        LOG.info("%d jobs of ended batches and attempts of revoked hosts were ended", ended)
    return ended


async def _write_down(services: Services) -> None:
    heard, hosts = services.heard.drain()
    if not heard and not hosts:
        return
    while heard or hosts:
        some, heard = heard[:AT_A_TIME], heard[AT_A_TIME:]
        seen = {uid: hosts.pop(uid) for uid in list(itertools.islice(hosts, AT_A_TIME))}
        try:
            await services.database.run_own(leasing.prolong, some, seen)
        except XwhepError:
            services.heard.put_back([*some, *heard], seen | hosts)
            raise


async def keep_certificate(
    services: Services, context: ssl.SSLContext, folder: Path, names: Sequence[str], every_s: float = RENEWAL_S
) -> None:
    """Renew the server's certificate when it is due; connections that are open keep the old one."""
    while True:
        await services.world.sleep(every_s)
        try:
            if await asyncio.to_thread(services.authority.ensure_server_certificate, folder, names, services.now()):
                context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
                LOG.info("the server's certificate was renewed")
        except (XwhepError, OSError) as error:
            LOG.warning("the server's certificate could not be renewed, trying again: %s", error)


async def keep_store(services: Services, every_s: float = SWEEP_S) -> None:
    """Delete content that nothing names, part after part; for ever.

    It begins anywhere, so that a dispatcher that is often started comes to all parts too.
    """
    for part in itertools.count(int(services.now().timestamp())):
        await services.world.sleep(every_s)
        try:
            await sweep_part(services, part % PARTS)
        except (XwhepError, OSError) as error:
            LOG.warning("the store could not be tidied up, trying again: %s", error)


async def sweep_part(services: Services, part: int) -> int:
    """Delete the content of a part that has no row a day after it arrived; return how many files went.

    Such is what a host has uploaded whose lease had ended meanwhile. A row follows only content that has just arrived,
    be it once more: so what is old and has no row gets none before it is young again, and then it stays.
    """
    moment = services.now() - UNNAMED
    old = await asyncio.to_thread(services.blobs.stored_before, part, moment)
    if not old:
        return 0
    unnamed = old - await services.database.read(catalogue.stored_blobs, part)
    deleted = await asyncio.to_thread(services.blobs.delete, unnamed, moment)
    if deleted:
        LOG.info("%d files that nothing named were deleted from the store", deleted)
    return deleted
