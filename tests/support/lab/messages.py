"""What the two sides of the kind `primes` say to each other."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from xwhep.protocol.attempts import Report, Work
from xwhep.protocol.base import Argument, Request

KIND: Final = "primes"


class PrimesAbility(Request):
    """What a host says of itself with each poll."""

    bits: Annotated[int, Field(ge=1, le=1024)]  #: of the numbers that its processor works with


class PrimesWork(Work):
    """Count the primes below a number."""

    kind: Literal["primes"] = KIND
    arguments: list[Argument]  #: of the job, as they were submitted


class ReportPrime(Report):
    """Report the largest prime so far."""

    kind: Literal["primes"] = KIND
    prime: Annotated[int, Field(ge=2, lt=10**9)]
