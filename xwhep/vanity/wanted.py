"""What a person wants of an address, a beginning, an end or an expression, and what a search makes of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from xwhep.secp256k1 import Point
from xwhep.vanity.addresses import HASH_BITS, Form, Network, address, hashed_as, key_hash
from xwhep.vanity.endings import parse_ending
from xwhep.vanity.errors import PatternError, PatternListError
from xwhep.vanity.expressions import parse_expression
from xwhep.vanity.notations import guess_form, notation_of
from xwhep.vanity.patterns import Pattern, letters_of_checksum, others_like, parse_pattern
from xwhep.vanity.ranges import difficulty_of, union
from xwhep.vanity.targets import Sieve, Target

MAX_RANGES: Final = 12_000  #: of one search; a pattern has one or two, or more where case does not matter
COMMENT: Final = "#"  #: begins one, in a file of patterns


class Found(NamedTuple):
    """An address that was wanted."""

    address: str
    form: Form
    digest: bytes  #: 20 bytes, its `key_hash`
    texts: tuple[str, ...]  #: those of the wanted texts that it matches, the longest first


@dataclass(frozen=True, slots=True)
class Wish:
    """One text that an address may match, of one form."""

    text: str
    form: Form
    difficulty: Fraction  #: how many keys a search for it alone tries on average
    matches: Callable[[bytes], bool]  #: a digest of 20 bytes, the form's


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search is for; made by `want_patterns`, `want_ending` or `want_expression`."""

    wishes: tuple[Wish, ...]  #: at least one; a text that stands for several forms has a wish for each
    network: Network
    target: Target  #: of the keys that match, and of few others
    difficulty: Fraction  #: how many keys a search tries on average until it finds any of them
    duplicates: tuple[str, ...] = ()  #: what was given more than once, and is searched for once

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the texts, each once."""
        return tuple(dict.fromkeys(wish.text for wish in self.wishes))

    @property
    def forms(self) -> tuple[Form, ...]:
        """Return the forms of the addresses that are wanted, in their order."""
        return tuple(form for form in Form if any(wish.form is form for wish in self.wishes))

    def __str__(self) -> str:
        """Return the texts for people: the first, and how many more."""
        first, *more = self.texts
        return f"{first} and {len(more)} more" if more else first

    def find(self, public_key: Point) -> Found | None:
        """Return what is wanted of the addresses of a key, the first form of several; None if nothing is."""
        for form in self.forms:
            digest = key_hash(public_key, form)
            texts = [wish.text for wish in self.wishes if wish.form is form and wish.matches(digest)]
            if texts:
                longest_first = tuple(sorted(texts, key=len, reverse=True))
                return Found(address(digest, form, self.network), form, digest, longest_first)
        return None


def want_patterns(
    texts: Iterable[str],
    forms: Sequence[Form] = (Form.P2PKH_COMPRESSED,),
    network: Network = Network.MAIN,
    *,
    ignore_case: bool = False,
) -> Wanted:
    """Return what is wanted of an address that begins with any of these texts, in whichever of the forms it can.

    Raises:
        PatternError: one of them is the beginning of no address of these forms, or too hard (`parse_pattern`).
        PatternListError: there is none, or together they have more than `MAX_RANGES` ranges.
    """
    patterns: dict[str, list[Pattern]] = {}
    duplicates: list[str] = []
    ranges = 0
    for text in texts:
        key = text.lower() if ignore_case else text
        if key in patterns:
            duplicates.append(text)
            continue
        patterns[key] = _patterns(text, forms, network, ignore_case=ignore_case)
        ranges += sum(len(pattern.ranges) for pattern in patterns[key])
        if ranges > MAX_RANGES:
            raise PatternListError(f"they have more than {MAX_RANGES:,} ranges of hashes; leave out some")
    if not patterns:
        raise PatternListError("there is none")
    every = [pattern for some in patterns.values() for pattern in some]
    wishes = tuple(Wish(one.text, one.form, one.difficulty, one.matches) for one in every)
    return Wanted(wishes, network, _target(every), _difficulty(every), tuple(duplicates))


def want_ending(
    suffix: str, prefix: str = "", form: Form = Form.P2PKH_COMPRESSED, network: Network = Network.MAIN
) -> Wanted:
    """Return what is wanted of an address that ends, and begins, with these texts; raises as `parse_ending` does."""
    ending, ranges, difficulty = parse_ending(suffix, prefix, form, network)
    target = Target(((hashed_as(form), ranges),), ending)
    case_matters = letters_of_checksum(prefix + suffix, form) > 0

    def matches(digest: bytes) -> bool:
        if not target.accepts(hashed_as(form), digest):
            return False
        written = address(digest, form, network)
        return not case_matters or (written.startswith(prefix) and written.endswith(suffix))

    return Wanted((Wish(f"{prefix}...{suffix}", form, difficulty, matches),), network, target, difficulty)


def want_expression(text: str, form: Form = Form.P2PKH_COMPRESSED, network: Network = Network.MAIN) -> Wanted:
    """Return what is wanted of an address that a regular expression matches; raises as `parse_expression` does."""
    expression = parse_expression(text, form, network)
    target = Target(((hashed_as(form), expression.beginning.ranges),), sieve=Sieve(text, form, network))
    return Wanted(
        (Wish(text, form, expression.difficulty, expression.matches),), network, target, expression.difficulty
    )


def _patterns(text: str, forms: Sequence[Form], network: Network, *, ignore_case: bool) -> list[Pattern]:
    """Return the patterns that a text is in those of the forms whose addresses begin like it, one at least."""
    fitting = [form for form in forms if text.lower().startswith(notation_of(form, network).heads)]
    if not fitting and len(forms) > 1:
        heads = dict.fromkeys(head for form in forms for head in notation_of(form, network).heads)
        raise PatternError(
            text, f"addresses of the kinds searched for begin with {' or '.join(heads)}{others_like(text)}"
        )
    return [parse_pattern(text, form, network, ignore_case=ignore_case) for form in fitting or forms]


def _target(patterns: Sequence[Pattern]) -> Target:
    by_form = {
        form: union(one for pattern in patterns if hashed_as(pattern.form) is form for one in pattern.ranges)
        for form in Form
    }
    return Target(tuple((form, ranges) for form, ranges in by_form.items() if ranges))


def _difficulty(patterns: Sequence[Pattern]) -> Fraction:
    """Return how many keys a search tries on average until it finds any of the patterns.

    Of one hash it is counted exactly; different hashes of a key are taken for random and independent of each other.
    """
    of_one_hash = ([one for one in patterns if hashed_as(one.form) is form] for form in Form)
    return 1 / Fraction(1 - math.prod(1 - _chance(same) for same in of_one_hash if same))


def _chance(patterns: Sequence[Pattern]) -> Fraction:
    """Return the part of the digests that match any of these patterns, all of one hash."""
    if any(pattern.letters for pattern in patterns):
        return _chance_with_checksums(patterns)
    return 1 / difficulty_of(union(one for pattern in patterns for one in pattern.ranges))


def _chance_with_checksums(patterns: Sequence[Pattern]) -> Fraction:
    """Return the part of the digests, with any checksums, that match any of these patterns of Ethereum.

    A text adds nothing to one that it begins with, and no address begins with two others that ask for checksums. So
    what is left of those is summed up, and of each text that asks for none what they do not take away of it.
    """
    plain = {one.text.lower(): one for one in patterns if not one.letters}
    plain = {text: one for text, one in plain.items() if plain.keys().isdisjoint(_beginnings(text))}
    cased = {one.text: one for one in patterns if one.letters}
    cased = {text: one for text, one in cased.items() if cased.keys().isdisjoint(_beginnings(text))}
    chance, taken = Fraction(0), Counter[str]()
    for text, one in cased.items():
        if plain.keys().isdisjoint([*_beginnings(text.lower()), text.lower()]):
            chance += 1 / one.difficulty
            taken[text.lower()] += (1 << HASH_BITS) >> one.letters
    for text, one in plain.items():
        taken_of_it = Fraction(sum(taken[part] for part in _beginnings(text)), 1 << HASH_BITS)
        chance += (1 - taken_of_it) / one.difficulty
    return chance


def _beginnings(text: str) -> Iterator[str]:
    """Yield what a text begins with, itself left out."""
    return (text[:end] for end in range(1, len(text)))


def guess_common_forms(texts: Iterable[str]) -> tuple[tuple[Form, ...], Network]:
    """Return the forms and the network that these texts begin like; P2PKH on the main network where nothing tells.

    Raises:
        PatternListError: two of them begin like addresses of different networks.
    """
    kinds = {kind: text for text in texts if (kind := guess_form(text))}
    networks = {network: text for (form, network), text in kinds.items() if form is not Form.ETHEREUM}
    if len(networks) > 1:
        words = [f"{text} on the {network} network" for network, text in networks.items()]
        raise PatternListError(f"{words[0]} and {words[1]} are not found by one search")
    forms = tuple(form for form in Form if any(form is known for known, _ in kinds))
    return forms or (Form.P2PKH_COMPRESSED,), next(iter(networks), Network.MAIN)


def patterns_in(text: str) -> list[str]:
    """Return the patterns of a file: one a line, without comments, spaces around them, and empty lines."""
    lines = (line.partition(COMMENT)[0].strip() for line in text.splitlines())
    return [line for line in lines if line]
