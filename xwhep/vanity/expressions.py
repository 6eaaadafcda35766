"""Regular expressions for addresses: a literal beginning, which a search compares, and anything regular behind it.

Understood are characters, `.`, classes such as `[a-f]` and `[^x]`, the repetitions `*`, `+`, `?`, `{m}` and `{m,n}` of
one of these, `^` at the beginning and `$` at the end. An expression is run as an automaton that reads each character of
an address once, so that none can take long; and the addresses that match are counted by the same automaton.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction
from functools import cache, lru_cache
from typing import Final, TypeAlias

from xwhep.vanity import base58
from xwhep.vanity.addresses import HASH_BITS, Form, Network, address, base58_version
from xwhep.vanity.errors import PatternError
from xwhep.vanity.notations import Notation, notation_of
from xwhep.vanity.patterns import MAX_DIFFICULTY, Pattern, parse_pattern
from xwhep.vanity.ranges import base58_numbers, in_ranges

MIN_DIFFICULTY: Final = 2**16  #: of the literal beginning: so rarely is an address written out and read
MAX_ITEMS: Final = 64
MAX_COUNTS: Final = 2000  #: of an automaton: some have a number of states that doubles with each item
_NUMBERS: Final = 2 ** (HASH_BITS + 8 * base58.CHECKSUM_BYTES)  #: of 25 bytes that begin with one version
_ITEM: Final = re.compile(
    r"(?:(?P<one>[0-9A-Za-z])|(?P<any>\.)|\[(?P<no>\^?)(?P<kinds>(?:[0-9A-Za-z](?:-[0-9A-Za-z])?)+)\])"
    r"(?P<times>[*+?]|\{\d{1,2}(?:,\d{1,2})?\})?"
)
_UNDERSTOOD: Final = "characters, ., [a-f], [^x], then perhaps *, +, ?, {2} or {2,4}, and at its end $"


class _TooManyCountsError(Exception):
    """An automaton has too many states for its texts to be counted."""


class _Times(Enum):
    ONCE = auto()
    PERHAPS = auto()
    ANY_NUMBER = auto()


_Item: TypeAlias = tuple[frozenset[str], _Times]
_States: TypeAlias = frozenset[int]  #: how many items may have been read


class _Automaton:
    """Reads texts of an alphabet from left to right, in all states at once."""

    def __init__(self, items: list[_Item], alphabet: str) -> None:
        self._items, self._alphabet = items, alphabet
        kinds = defaultdict[tuple[bool, ...], list[str]](list)
        for character in alphabet:
            kinds[tuple(character in characters for characters, _ in items)].append(character)
        self._kinds = [(alike[0], len(alike)) for alike in kinds.values()]  # one of those that no item tells apart
        self.start = self._closed({0})
        self._counts = 0
        self.count, self._next = cache(self._count), cache(self._followers)
        self.step = lru_cache(maxsize=2**16)(self._step)

    def _step(self, states: _States, character: str) -> _States:
        reading = ((state, *self._items[state]) for state in states if state < len(self._items))
        return self._closed(
            {
                state if times is _Times.ANY_NUMBER else state + 1
                for state, characters, times in reading
                if character in characters
            }
        )

    def accepts(self, states: _States) -> bool:
        return len(self._items) in states

    def up_to(self, states: _States, last: str) -> int:
        """Return how many texts are accepted, from these states, that are as long as `last` and not behind it."""
        found = 0
        for place, character in enumerate(last, start=1):
            for before in self._alphabet[: self._alphabet.index(character)]:
                found += self.count(self.step(states, before), len(last) - place)
            states = self.step(states, character)
        return found + self.accepts(states)

    def _count(self, states: _States, length: int) -> int:
        """Return how many texts of a length are accepted from these states; done once for each."""
        self._counts += 1
        if self._counts > MAX_COUNTS:
            raise _TooManyCountsError
        if not states or not length:
            return int(self.accepts(states))
        return sum(times * self.count(after, length - 1) for after, times in self._next(states))

    def _followers(self, states: _States) -> list[tuple[_States, int]]:
        """Return the states after any one character, each with the number of characters that lead there."""
        followers = Counter[_States]()
        for character, alike in self._kinds:
            followers[self.step(states, character)] += alike
        return list(followers.items())

    def _closed(self, states: set[int]) -> _States:
        """Return the states, and those that are reached from them by skipping items."""
        closed = set(states)
        for state, (_, times) in enumerate(self._items):
            if state in closed and times is not _Times.ONCE:
                closed.add(state + 1)
        return frozenset(closed)


@dataclass(frozen=True, slots=True)
class Expression:
    """A regular expression for addresses; made by `parse_expression`. It reads Ethereum's in lower case."""

    text: str
    beginning: Pattern  #: the ranges that a search compares
    difficulty: Fraction  #: how many keys a search tries on average; the checksum is taken for random
    automaton: _Automaton

    def matches(self, digest: bytes) -> bool:
        """Tell whether the address of a digest of 20 bytes matches."""
        if not in_ranges(self.beginning.ranges, digest):
            return False
        states = self.automaton.start
        written = address(digest, self.beginning.form, self.beginning.network)
        for character in written.lower() if self.beginning.form is Form.ETHEREUM else written:
            states = self.automaton.step(states, character)
        return self.automaton.accepts(states)


def parse_expression(text: str, form: Form = Form.P2PKH_COMPRESSED, network: Network = Network.MAIN) -> Expression:
    """Return the expression of this text, which is matched from the beginning of an address.

    Raises:
        PatternError: it is not understood, it has no literal beginning or one that so many addresses have that too many
            keys would have to be written out, no address matches, or the search would pass 2^80 keys.
    """
    notation = notation_of(form, network)
    if not notation.both_cases and text != text.lower():
        raise PatternError(text, "such addresses are matched in lower case; write the expression so")
    characters = "".join(dict.fromkeys(notation.heads[0] + notation.alphabet))
    literal, items = _parse(text, characters)
    beginning = _beginning(text, literal, form, network)
    automaton = _Automaton(items, notation.alphabet)
    try:
        found, all_there = _counted(automaton, beginning, notation)
    except _TooManyCountsError as error:
        raise PatternError(text, "its matches are too entangled to be counted; make it simpler") from error
    if found * MAX_DIFFICULTY < all_there:
        raise PatternError(text, "no address matches, or it takes more than 2^80 keys on average")
    return Expression(text, beginning, Fraction(all_there, found), automaton)


def _beginning(text: str, literal: str, form: Form, network: Network) -> Pattern:
    """Return the pattern that an expression begins with, so rare that what has it can be written out."""
    if not literal:
        why = f"it has no literal beginning, such as {notation_of(form, network).heads[0]}"
        raise PatternError(text, f"{why}, so that the address of each key would have to be written out")
    beginning = parse_pattern(literal, form, network)
    if beginning.difficulty < MIN_DIFFICULTY:
        why = f"one key in {float(beginning.difficulty):,.0f} has its literal beginning, {literal}"
        raise PatternError(text, f"{why}, and each of them would have to be written out; begin with more characters")
    return beginning


def _parse(text: str, characters: str) -> tuple[str, list[_Item]]:
    """Return the literal beginning and the items of an expression, the literal ones included."""
    literal, items = "", list[_Item]()
    body = text.removeprefix("^")
    place, is_literal = 0, True
    while place < len(body) and body[place:] != "$":
        item = _ITEM.match(body, place)
        if item is None:
            raise PatternError(text, f"from {body[place:]!a} on it is not understood; there may be {_UNDERSTOOD}")
        is_literal = is_literal and item["one"] is not None and item["times"] is None
        literal += item["one"] if is_literal else ""
        items += _repeated(text, _characters(item, characters), item["times"] or "{1}")
        place = item.end()
        if len(items) > MAX_ITEMS:
            raise PatternError(text, f"it is for more than {MAX_ITEMS} characters, and no address is so long")
    if not body.endswith("$"):
        items.append((frozenset(characters), _Times.ANY_NUMBER))
    return literal, items


def _characters(item: re.Match[str], characters: str) -> frozenset[str]:
    if item["one"] is not None:
        return frozenset(item["one"])
    if item["any"] is not None:
        return frozenset(characters)
    try:
        kinds = re.compile(item[0].removesuffix(item["times"] or ""))
    except re.error as error:
        raise PatternError(item.string, "there is a class that ends before it begins") from error
    return frozenset(filter(kinds.fullmatch, characters))


def _repeated(text: str, characters: frozenset[str], times: str) -> list[_Item]:
    once, perhaps, any_number = ((characters, kind) for kind in _Times)
    match times:
        case "*":
            return [any_number]
        case "+":
            return [once, any_number]
        case "?":
            return [perhaps]
    least, _, most = times.strip("{}").partition(",")
    if most and int(most) < int(least):
        raise PatternError(text, "there is a repetition that ends before it begins")
    return [once] * int(least) + [perhaps] * (int(most or least) - int(least))


def _counted(automaton: _Automaton, beginning: Pattern, notation: Notation) -> tuple[int, int]:
    """Return how many addresses match, and of how many, as if the checksum were any."""
    if not notation.both_cases:
        head, digits = notation.heads[0], len(notation.greatest) - len(notation.heads[0])
        states = _read(automaton, head)
        return automaton.count(states, digits), len(notation.alphabet) ** digits
    version = base58_version(beginning.form, beginning.network)[0]
    found = 0
    for low, high in _of_one_length(beginning.text, version):
        first, last = (base58.encode(number.to_bytes(25, "big")) for number in (low, high))
        states = automaton.start
        found += automaton.up_to(states, last) - automaton.up_to(states, first)
        found += automaton.accepts(_read(automaton, first))
    return found, _NUMBERS


def _read(automaton: _Automaton, text: str) -> _States:
    states = automaton.start
    for character in text:
        states = automaton.step(states, character)
    return states


def _of_one_length(prefix: str, version: int) -> Iterator[tuple[int, int]]:
    """Yield the intervals of the numbers that begin with a prefix, in each of which all texts have one length."""
    if prefix.strip("1"):
        yield from base58_numbers(prefix, version)
        return
    for zeros in range(len(prefix), 25):  # only numbers of the version 0 begin with zeros
        low, below, power = 256 ** (24 - zeros), 256 ** (25 - zeros), 1
        while power < below:
            if low < power * 58:
                yield max(low, power), min(below, power * 58) - 1
            power *= 58
