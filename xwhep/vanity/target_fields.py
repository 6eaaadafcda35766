"""What keys count in a unit, as messages say it: numbers in hexadecimal digits, and perhaps a sieve."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints

from xwhep.vanity.addresses import HASH_BITS, Form, Network
from xwhep.vanity.endings import MAX_CHARACTERS, Ending
from xwhep.vanity.ranges import Ranges
from xwhep.vanity.targets import Sieve, Target
from xwhep.vanity.wanted import MAX_RANGES

#: the digest of an address: 20 bytes as lower-case hexadecimal
Hex20 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
#: the rank of an ending, lower-case hexadecimal
EndingHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,32}$")]
#: a regular expression, not yet parsed
ExpressionText = Annotated[str, Field(min_length=1, max_length=200)]


class FormRanges(BaseModel):
    """Ranges of what one form's addresses hold, first to last, ascending."""

    form: Form
    ranges: Annotated[list[tuple[Hex20, Hex20]], Field(min_length=1, max_length=MAX_RANGES)]


class EndingFields(BaseModel):
    """What the last characters may be, as ranges of their ranks (`xwhep.vanity.endings`)."""

    form: Form
    network: Network
    characters: Annotated[int, Field(ge=1, le=MAX_CHARACTERS)]
    ranges: Annotated[list[tuple[EndingHex, EndingHex]], Field(min_length=1, max_length=MAX_RANGES)]

    @classmethod
    def of(cls, ending: Ending) -> Self:
        """Return the fields of an ending."""
        ranges = _in_hex(ending.ranges, 0)
        return cls(form=ending.form, network=ending.network, characters=ending.characters, ranges=ranges)

    def value(self) -> Ending:
        """Return the ending, not yet checked."""
        return Ending(self.form, self.network, self.characters, _from_hex(self.ranges))


class SieveFields(BaseModel):
    """An expression that must match, unless so many of the digest's last bits are zero (`xwhep.vanity.targets`)."""

    expression: ExpressionText
    form: Form
    network: Network
    zeros: Annotated[int, Field(ge=1, le=HASH_BITS)]

    @classmethod
    def of(cls, sieve: Sieve) -> Self:
        """Return the fields of a sieve."""
        return cls(expression=sieve.expression, form=sieve.form, network=sieve.network, zeros=sieve.zeros)

    def value(self) -> Sieve:
        """Return the sieve, not yet checked."""
        return Sieve(self.expression, self.form, self.network, self.zeros)


class TargetFields(BaseModel):
    """Which keys count."""

    targets: Annotated[list[FormRanges], Field(min_length=1, max_length=len(Form))]
    ending: EndingFields | None = None
    sieve: SieveFields | None = None

    @classmethod
    def of(cls, target: Target) -> Self:
        """Return the fields of a target."""
        return cls(
            targets=[FormRanges(form=form, ranges=_in_hex(ranges, 40)) for form, ranges in target.ranges],
            ending=None if target.ending is None else EndingFields.of(target.ending),
            sieve=None if target.sieve is None else SieveFields.of(target.sieve),
        )

    def target(self) -> Target:
        """Return the target.

        Raises:
            InvalidFieldError: forms, ranges or an ending that cannot be.
            PatternError: the expression cannot be searched for.
        """
        ranges = tuple((one.form, _from_hex(one.ranges)) for one in self.targets)
        ending = None if self.ending is None else self.ending.value()
        return Target(ranges, ending, None if self.sieve is None else self.sieve.value())


def _in_hex(ranges: Ranges, digits: int) -> list[tuple[str, str]]:
    return [(f"{first:0{digits}x}", f"{last:0{digits}x}") for first, last in ranges]


def _from_hex(ranges: list[tuple[str, str]]) -> Ranges:
    return tuple((int(first, 16), int(last, 16)) for first, last in ranges)
