"""A hit as messages carry it: three fields, read and written in one place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from xwhep.errors.jobs import FalseResultError
from xwhep.vanity.split_key import Hit


class HitFields(BaseModel):
    """A hit, as far as it is not checked yet: sign * lambda^e * (A + sG) (`xwhep.vanity.split_key`)."""

    s: str  #: 32 bytes, hexadecimal
    e: int
    sign: int

    def hit(self) -> Hit:
        """Return the hit.

        Raises:
            FalseResultError: its numbers cannot be.
        """
        try:
            s = int(self.s, 16)
        except ValueError as error:
            raise FalseResultError("s is not a number") from error
        return Hit(s, self.e, self.sign)


class CheckedHitFields(HitFields):
    """A hit whose fields are refused at the door where they are out of their range."""

    s: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    e: Annotated[int, Field(ge=0, le=2)]
    sign: Literal[1, -1]


def hit_fields(hit: Hit) -> dict[str, Any]:
    """Return the fields of a hit."""
    return {"s": f"{hit.s:064x}", "e": hit.e, "sign": hit.sign}
