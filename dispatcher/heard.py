"""What heartbeats said since it was last written down: a heartbeat costs no commit of its own.

What is lost here with a crash is given back by the start, which prolongs every live lease.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from dispatcher.usecases.leasing import Heard
from xwhep.model.attempts import Heartbeat


class HeardBook:
    """The heartbeats of the last seconds."""

    def __init__(self) -> None:
        self._attempts: dict[tuple[UUID, int], Heard] = {}
        self._hosts: dict[UUID, datetime] = {}

    def note_host(self, host_uid: UUID, now: datetime) -> None:
        """Note that a host was heard of."""
        self._hosts[host_uid] = now

    def note(self, host_uid: UUID, heartbeat: Heartbeat, now: datetime) -> None:
        """Note a heartbeat."""
        self.note_host(host_uid, now)
        for progress in heartbeat.attempts:
            self._attempts[progress.job_uid, progress.attempt] = Heard(host_uid, now, progress)

    def drain(self) -> tuple[list[Heard], dict[UUID, datetime]]:
        """Return what was noted since the last time."""
        heard, hosts = list(self._attempts.values()), self._hosts
        self._attempts, self._hosts = {}, {}
        return heard, hosts
