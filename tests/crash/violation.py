"""A promise that a dispatcher has broken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise that was broken."""

    code: str
    text: str
    life: int | None = None  #: the life of the dispatcher that made the promise

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.code}: {self.text}" + ("" if self.life is None else f", in life {self.life}")
