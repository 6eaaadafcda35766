"""Targets of units, written shortly."""

from __future__ import annotations

from xwhep.vanity.addresses import HASH_BITS, Form, hashed_as
from xwhep.vanity.ranges import Ranges
from xwhep.vanity.targets import Target
from xwhep.vanity.wanted import want_patterns

EVERYTHING: Ranges = ((0, 2**HASH_BITS - 1),)


def of_ranges(*ranges: tuple[int, int], form: Form = Form.P2PKH_COMPRESSED) -> Target:
    """Return the target of the keys whose hash in a form is in these ranges."""
    return Target(((hashed_as(form), ranges),))


def of_pattern(text: str, form: Form = Form.P2PKH_COMPRESSED) -> Target:
    """Return the target of the keys whose address of a form begins so."""
    return want_patterns([text], [form]).target


#: every key counts
ALL = of_ranges(*EVERYTHING)
