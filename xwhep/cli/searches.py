"""How a vanity search is told to people: difficulty, chances, times."""

from __future__ import annotations

from fractions import Fraction

from xwhep.bitcoin.patterns import keys_for, probability
from xwhep.cli.display import amount, duration, facts, percent
from xwhep.model.batches import SearchView


def search_progress(search: SearchView) -> tuple[float, str]:
    """Return the probability that the search had ended by now, and a few words about how it goes."""
    found = chance(search)
    if search.keys_per_s <= 0:
        at_work = "no host at work on it now" if search.hosts == 0 else f"hosts at work: {search.hosts}"
        return found, f"{amount(search.keys_tried)} keys tried, {at_work}"
    left = duration(search.difficulty / search.keys_per_s)
    return found, f"{amount(search.keys_tried)} keys, {rate(search.keys_per_s)}, about {left} left"


def chance(search: SearchView) -> float:
    """Return how probable it was to find a match with the keys tried so far."""
    return probability(Fraction(max(search.difficulty, 1.0)), search.keys_tried)


def rate(keys_per_s: float) -> str:
    """Return a speed of search for people."""
    return f"{amount(keys_per_s)} keys/s"


def describe_search(search: SearchView) -> str:
    """Return how far a search is, for people.

    A search has no memory: the time left, on average, is as long at the end as it was at the beginning.
    """
    found = search.result
    running = found is None and search.keys_per_s > 0
    return facts(
        [
            ("pattern", search.pattern),
            ("difficulty", f"{search.difficulty:,.0f} keys on average"),
            ("keys tried", f"{search.keys_tried:,}"),
            ("hosts at work", search.hosts),
            ("rate", rate(search.keys_per_s) if running else None),
            ("probability so far", percent(chance(search)) if found is None else None),
            ("time left, mean", duration(search.difficulty / search.keys_per_s) if running else None),
            ("address", None if found is None else found.address),
        ]
    )


def describe_difficulty(difficulty: Fraction, keys_per_s: float | None) -> str:
    """Return how hard a pattern is and, at a rate, how long a search takes."""
    lines: list[tuple[str, object]] = [("difficulty", f"{float(difficulty):,.0f} keys on average")]
    for wanted in (0.5, 0.9, 0.99):
        keys = keys_for(difficulty, wanted)
        time = "" if keys_per_s is None else f", {duration(keys / keys_per_s)}"
        lines.append((f"{wanted:.0%} chance after", f"{amount(keys)} keys{time}"))
    if keys_per_s is not None:
        lines.append((f"mean time at {rate(keys_per_s)}", duration(float(difficulty) / keys_per_s)))
    return facts(lines)
