"""How a vanity search is told to people: difficulty, chances, times."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from xwhep.cli.batch_display import Display
from xwhep.protocol.batches import BatchView
from xwhep.terminal.display import amount, duration, facts, percent, rate
from xwhep.vanity.chances import keys_for, probability
from xwhep.vanity.messages import SearchView, search_of
from xwhep.vanity.notations import kinds
from xwhep.vanity.wanted import Wanted

#: the probabilities for which it is told when they are reached
CHANCES: Final = (0.5, 0.9, 0.99)
#: so many patterns are told one by one
FEW: Final = 10


def display_batch(batch: BatchView) -> Display:
    """Return how far the search is that a batch stands for."""
    search = search_of(batch)
    assert search is not None, "it is of this kind"
    return Display(*search_progress(search), describe_search(search))


def search_progress(search: SearchView) -> tuple[float, str]:
    """Return the probability that the search had ended by now, and a few words about how it goes."""
    found = chance_so_far(search)
    if search.keys_per_s <= 0:
        at_work = "no host at work on it now" if search.hosts == 0 else f"hosts at work: {search.hosts}"
        return found, f"{amount(search.keys_tried)} keys tried, {at_work}"
    return found, search_words(search.difficulty, search.keys_tried, search.keys_per_s)


def search_words(difficulty: float, keys_tried: int, keys_per_s: float) -> str:
    """Return how a search goes, in words that fit beside a bar; of a rate that is not known yet nothing is said."""
    tried = f"{amount(keys_tried)} keys"
    return f"{tried}, {rate(keys_per_s)}, about {duration(difficulty / keys_per_s)} left" if keys_per_s > 0 else tried


def chance_so_far(search: SearchView) -> float:
    """Return how probable it was to find a match with the keys tried so far."""
    return probability(Fraction(max(search.difficulty, 1.0)), search.keys_tried)


def expectation(difficulty: float, keys_per_s: float) -> str:
    """Return how long a search takes at this speed."""
    return f"{rate(keys_per_s)}: {duration(difficulty / keys_per_s)} on average"


def describe_search(search: SearchView) -> str:
    """Return how far a search is, for people.

    A search has no memory: the time left, on average, is as long at the end as it was at the beginning.
    """
    found = search.result
    running = found is None and search.keys_per_s > 0
    return facts(
        [
            ("wanted", _wish(search)),
            ("form", kinds(search.forms, search.network)),
            ("difficulty", f"{search.difficulty:,.0f} keys on average"),
            ("keys tried", f"{search.keys_tried:,}"),
            ("hosts at work", search.hosts),
            ("rate", rate(search.keys_per_s) if running else None),
            ("probability so far", percent(chance_so_far(search)) if found is None else None),
            ("time left, mean", duration(search.difficulty / search.keys_per_s) if running else None),
            ("address", None if found is None else found.address),
        ]
    )


def _wish(search: SearchView) -> str:
    """Return what an address shall be like, without the work of parsing it."""
    if search.expression is not None:
        return search.expression
    first, *further = search.patterns or [""]
    if search.suffix is not None:
        return f"{first}...{search.suffix}"
    more = f" and {len(further)} more" if further else ""
    return f"{first}{more}{', in any case' if search.ignore_case else ''}"


def describe_difficulty(wanted: Wanted, keys_per_s: float | None) -> str:
    """Return what is searched for, how hard that is and, at a rate, how long a search takes."""
    difficulty = wanted.difficulty
    lines: list[tuple[str, object]] = [
        *_each(wanted),
        ("form", kinds(wanted.forms, wanted.network)),
    ]
    lines.append(("difficulty", f"{float(difficulty):,.0f} keys on average"))
    for chance in CHANCES:
        keys = keys_for(difficulty, chance)
        time = "" if keys_per_s is None else f", {duration(keys / keys_per_s)}"
        lines.append((f"{chance:.0%} chance after", f"{amount(keys)} keys{time}"))
    if keys_per_s is not None:
        lines.append((f"mean time at {rate(keys_per_s)}", duration(float(difficulty) / keys_per_s)))
    return facts(lines)


def _each(wanted: Wanted) -> list[tuple[str, object]]:
    """Return what is wanted, each text with its own difficulty where there are a few."""
    if not 1 < len(wanted.wishes) <= FEW:
        return [("wanted", wanted)]
    forms = len(wanted.forms) > 1
    return [
        ("wanted", f"{one.text}{f' in {one.form}' if forms else ''}, {float(one.difficulty):,.0f} keys on average")
        for one in wanted.wishes
    ]
