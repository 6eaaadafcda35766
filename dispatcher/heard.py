"""What heartbeats said since it was last written down: a heartbeat costs no commit of its own.

What is lost here with a crash is given back by the start, which prolongs every live lease.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from dispatcher.usecases.leasing import Heard
from xwhep.protocol.attempts import AttemptProgress


class HeardBook:
    """The heartbeats of the last seconds, of live attempts only: so it holds no more than there are of these."""

    def __init__(self) -> None:
        self._attempts: dict[tuple[UUID, UUID, int], Heard] = {}
        self._hosts: dict[UUID, datetime] = {}

    def note_host(self, host_uid: UUID, now: datetime) -> None:
        """Note that a host was heard of."""
        self._hosts[host_uid] = now

    def note(self, host_uid: UUID, attempts: Iterable[AttemptProgress], now: datetime) -> None:
        """Note what a host says of attempts that are its own and live."""
        self.note_host(host_uid, now)
        for progress in attempts:
            self._attempts[host_uid, progress.job_uid, progress.attempt] = Heard(host_uid, now, progress)

    def drain(self) -> tuple[list[Heard], dict[UUID, datetime]]:
        """Return what was noted since the last time."""
        heard, hosts = list(self._attempts.values()), self._hosts
        self._attempts, self._hosts = {}, {}
        return heard, hosts

    def put_back(self, heard: Iterable[Heard], hosts: dict[UUID, datetime]) -> None:
        """Take back what could not be written down; what was noted meanwhile is newer and stays."""
        earlier = {(report.host_uid, report.progress.job_uid, report.progress.attempt): report for report in heard}
        self._attempts, self._hosts = earlier | self._attempts, hosts | self._hosts
