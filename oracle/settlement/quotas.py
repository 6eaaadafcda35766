"""How many Tasks are in work at a time, so that nobody's many Tasks hold up another's one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quotas:
    """How many tasks are in work at the same time; others wait in `seen`.

    They are not refused: a refusal costs the oracle gas, and waiting costs it nothing. After its deadline anybody may
    have a task refunded.
    """

    per_requester: int
    per_app: int


class Room:
    """How many more tasks may come into work."""

    def __init__(self, quotas: Quotas, of_requester: Counter[str], of_app: Counter[int]) -> None:
        self._quotas = quotas
        self._of_requester = of_requester  #: tasks in work
        self._of_app = of_app

    def take(self, requester: str, app: int) -> bool:
        """Count one more task in; False if there is no room for it."""
        if self._of_requester[requester] >= self._quotas.per_requester or self._of_app[app] >= self._quotas.per_app:
            return False
        self._of_requester[requester] += 1
        self._of_app[app] += 1
        return True
