"""Which keys count in a search, or in a unit of one, whatever a person has asked for: numbers, and perhaps a sieve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from xwhep.errors.requests import InvalidFieldError
from xwhep.secp256k1 import Point
from xwhep.vanity.addresses import HASH_BITS, Form, Network, hashed_as, key_hash
from xwhep.vanity.endings import MAX_CHARACTERS, Ending
from xwhep.vanity.expressions import Expression, parse_expression
from xwhep.vanity.ranges import Ranges, difficulty_of, in_ranges, is_ascending


class Match(NamedTuple):
    """Which hash of a key is in a target."""

    form: Form  #: one of the target's
    digest: bytes  #: 20 bytes, the `key_hash` of the form


@dataclass(frozen=True, slots=True)
class Sieve:
    """An expression that an address must match, unless the last bits of its digest are zero.

    A worker must know the expression, or it would report each key with its literal beginning. The zero bits let through
    further keys, at random, as evidence of work.
    """

    expression: str
    form: Form
    network: Network
    zeros: int = HASH_BITS  #: how many bits, 1 .. 160; with all of them, none but what matches passes

    @property
    def chance(self) -> Fraction:
        """Return the part of the keys with the literal beginning that pass."""
        parsed = expression_of(self)
        misses = (1 - parsed.beginning.difficulty / parsed.difficulty) * (1 - Fraction(1, 1 << self.zeros))
        return 1 - misses

    def accepts(self, digest: bytes) -> bool:
        """Tell whether a digest of 20 bytes passes."""
        return int.from_bytes(digest, "big") % (1 << self.zeros) == 0 or expression_of(self).matches(digest)


def expression_of(sieve: Sieve) -> Expression:
    """Return the expression of a sieve; raises as `parse_expression` does."""
    return _parsed(sieve.expression, sieve.form, sieve.network)


_parsed: Final = lru_cache(maxsize=64)(parse_expression)  # takes up to some tenths of a second


@dataclass(frozen=True, slots=True)
class Target:
    """Which keys count: those with a hash, in one of the forms, that lies in the form's ranges and passes the rest.

    Raises:
        InvalidFieldError: no form, one that is not `hashed_as` itself or out of order; ranges that are none; an ending
            or a sieve together, or for another form.
        PatternError: the sieve's expression cannot be searched for.
    """

    ranges: tuple[tuple[Form, Ranges], ...]  #: in the order of `Form`, each form once
    ending: Ending | None = None
    sieve: Sieve | None = None

    def __post_init__(self) -> None:
        forms = [form for form, _ in self.ranges]
        if not forms or forms != [form for form in Form if form in forms and form is hashed_as(form)]:
            raise InvalidFieldError("forms", "these are not forms of addresses with different hashes, in their order")
        if not all(ranges and is_ascending(ranges) for _, ranges in self.ranges):
            raise InvalidFieldError("ranges", "these are not ascending ranges, first to last, of hashes of 160 bits")
        self._check_further(forms)

    def _check_further(self, forms: list[Form]) -> None:
        further = [one for one in (self.ending, self.sieve) if one is not None]
        if len(further) > 1 or any([hashed_as(one.form)] != forms for one in further):
            raise InvalidFieldError("forms", "an ending, or an expression, goes with its one form alone")
        if (ending := self.ending) is not None and not (
            0 < ending.characters <= MAX_CHARACTERS and ending.ranges and is_ascending(ending.ranges, ending.size)
        ):
            raise InvalidFieldError("ending", "these are not ascending ranges of endings of so many characters")
        if self.sieve is not None:
            if not 0 < self.sieve.zeros <= HASH_BITS:
                raise InvalidFieldError("zeros", f"{self.sieve.zeros} is not in 1 .. {HASH_BITS}")
            expression_of(self.sieve)

    @property
    def forms(self) -> tuple[Form, ...]:
        """Return the forms whose hashes are looked at."""
        return tuple(form for form, _ in self.ranges)

    @property
    def chance(self) -> Fraction:
        """Return the probability that a key counts, its hashes taken for random and independent of each other."""
        misses = math.prod(1 - 1 / difficulty_of(ranges) for _, ranges in self.ranges)
        chance = 1 - misses
        for further in (self.ending, self.sieve):
            if further is not None:
                chance *= further.chance
        return Fraction(chance)

    def accepts(self, form: Form, digest: bytes) -> bool:
        """Tell whether a key counts whose `key_hash` of a form is this digest of 20 bytes."""
        in_its_ranges = any(form is known and in_ranges(ranges, digest) for known, ranges in self.ranges)
        further = [one for one in (self.ending, self.sieve) if one is not None]
        return in_its_ranges and all(one.accepts(digest) for one in further)

    def match(self, public_key: Point) -> Match | None:
        """Return the first of a key's hashes that counts, or None."""
        digests = ((form, key_hash(public_key, form)) for form in self.forms)
        return next((Match(form, digest) for form, digest in digests if self.accepts(form, digest)), None)


def target_of(digest: bytes, form: Form) -> Target:
    """Return the target of one address, whose digest has 20 bytes."""
    number = int.from_bytes(digest, "big")
    return Target(((hashed_as(form), ((number, number),)),))
