"""Many patterns in one search: any address that begins with one of them will do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from xwhep.bitcoin.addresses import Form, Network
from xwhep.bitcoin.notations import guess_form
from xwhep.bitcoin.patterns import Pattern, parse_pattern
from xwhep.bitcoin.ranges import Ranges, difficulty_of, in_ranges, union
from xwhep.errors import PatternListError

MAX_RANGES: Final = 4096  #: of one search; a pattern has one or two, or more where case does not matter
COMMENT: Final = "#"  #: begins one, in a file of patterns


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns of one form on one network, at least one, each once; made by `parse_patterns`."""

    patterns: tuple[Pattern, ...]
    form: Form
    network: Network
    ranges: Ranges  #: the digests whose addresses begin with any of the patterns
    difficulty: Fraction  #: how many keys a search tries on average until it finds any of them
    duplicates: tuple[str, ...]  #: what was given more than once, and is searched for once

    def __str__(self) -> str:
        """Return the texts for people: the first, and how many more."""
        first, *more = self.patterns
        return f"{first.text} and {len(more)} more" if more else first.text

    def matching(self, digest: bytes) -> tuple[str, ...]:
        """Return the texts of the patterns that the address of a digest begins with, the longest first."""
        texts = [pattern.text for pattern in self.patterns if in_ranges(pattern.ranges, digest)]
        return tuple(sorted(texts, key=len, reverse=True))


def parse_patterns(
    texts: Iterable[str],
    form: Form = Form.P2PKH_COMPRESSED,
    network: Network = Network.MAIN,
    *,
    ignore_case: bool = False,
) -> Patterns:
    """Return the patterns of these texts.

    Raises:
        PatternError: one of them cannot be searched for (`parse_pattern`), or is of another form or network.
        PatternListError: there is none, or together they have more than `MAX_RANGES` ranges.
    """
    patterns: dict[str, Pattern] = {}
    duplicates: list[str] = []
    ranges = 0
    for text in texts:
        key = text.lower() if ignore_case else text
        if key in patterns:
            duplicates.append(text)
            continue
        patterns[key] = parse_pattern(text, form, network, ignore_case=ignore_case)
        ranges += len(patterns[key].ranges)
        if ranges > MAX_RANGES:
            raise PatternListError(f"they have more than {MAX_RANGES:,} ranges of hashes; leave out some")
    if not patterns:
        raise PatternListError("there is none")
    merged = union(one for pattern in patterns.values() for one in pattern.ranges)
    return Patterns(tuple(patterns.values()), form, network, merged, difficulty_of(merged), tuple(duplicates))


def guess_common_form(texts: Iterable[str]) -> tuple[Form, Network]:
    """Return the form and network that all these texts begin like; P2PKH on the main network where nothing tells.

    Raises:
        PatternListError: two of them begin like addresses of different forms or networks.
    """
    kinds = {kind: text for text in texts if (kind := guess_form(text))}
    if len(kinds) > 1:
        words = [f"{text} of {form} on the {network} network" for (form, network), text in kinds.items()]
        raise PatternListError(f"{words[0]} and {words[1]} are not found by one search")
    return next(iter(kinds), (Form.P2PKH_COMPRESSED, Network.MAIN))


def patterns_in(text: str) -> list[str]:
    """Return the patterns of a file: one a line, without comments, spaces around them, and empty lines."""
    lines = (line.partition(COMMENT)[0].strip() for line in text.splitlines())
    return [line for line in lines if line]
