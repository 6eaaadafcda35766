"""The rules of leases: how long, how often, to whom. This module knows no clock and no database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from xwhep.protocol.attempts import LEASE_S

LEASE: Final = timedelta(seconds=LEASE_S)
#: how long fetching what an attempt needs and bringing back its results may take, beside the job's own time limit
DELIVERY: Final = timedelta(days=1)
#: a host that lost or failed an attempt of a job gets the same job again only after this long, so that another can
SAME_HOST_PAUSE: Final = timedelta(seconds=90)
#: a host with this many false results gets no more work
FALSE_RESULTS_ALLOWED: Final = 10
#: attempts that one host may have at the same time: as many as a heartbeat can name
LIVE_ATTEMPTS_ALLOWED: Final = 1024


def lease_end(now: datetime) -> datetime:
    """Return when a lease given or prolonged now ends."""
    return now + LEASE


def may_go_on(leased_at: datetime, wall_s: int, now: datetime) -> bool:
    """Tell whether an attempt's lease is still prolonged: its time limit, and then time to bring its results.

    Without this a host could keep a job for ever by heartbeats alone.
    """
    return now < leased_at + timedelta(seconds=wall_s) + DELIVERY


def believed_amount(said: int, amount: int | None) -> int:
    """Return how much of what a host says it has done is believed: never more than there is to do."""
    return min(said, amount or 0)
