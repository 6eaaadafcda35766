"""The credit of hosts: keys that their shares prove. Nothing else that a host says adds to it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlmodel import Session

from dispatcher.scheduling.leases import proven_rate
from dispatcher.storage.tables import Attempt, Host
from xwhep.vanity.errors import ShareClaimedError
from xwhep.vanity.shares import keys_proven
from xwhep.vanity.split_key import Hit
from xwhep.vanity.targets import Target

_MOST_KEYS: Final = 2**63 - 1  #: what a column holds


def add_share(session: Session, attempt: Attempt, hit: Hit, target: Target) -> None:
    """Credit the host of a live attempt with a share that was verified to be in this target, its unit's.

    Raises:
        ShareClaimedError: the attempt has claimed it before; that adds nothing, and is no fault: the answer to the
            first claim may have been lost.
    """
    share = f"{hit.s:064x} {hit.e} {hit.sign}"
    if share in attempt.claimed:
        raise ShareClaimedError(attempt.job_uid)
    attempt.claimed = [*attempt.claimed, share]
    keys = keys_proven(target)
    host = session.get_one(Host, attempt.host_uid)
    attempt.keys_proven += keys
    host.shares += 1
    host.keys_proven = min(host.keys_proven + keys, _MOST_KEYS)


def note_rate(session: Session, attempt: Attempt, effort: float, *, now: datetime) -> None:
    """Take into the proven rate of a host that it says to have finished a unit now.

    Its keys take `effort` times as long as compressed ones, of which the rate is told.
    """
    host = session.get_one(Host, attempt.host_uid)
    elapsed_s = (now - attempt.leased_at).total_seconds()
    host.proven_keys_per_s = proven_rate(host.proven_keys_per_s, effort * attempt.keys_proven, elapsed_s)
