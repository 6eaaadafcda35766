"""Texts as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dispatcher.kinds.registry import Kinds
from xwhep.cli.batch_display import KINDS, Display, display
from xwhep.cli.vanity.searches import describe_difficulty, describe_search, expectation, search_progress
from xwhep.lifecycle import BatchStatus, Status
from xwhep.protocol.batches import BatchView
from xwhep.terminal.display import WIDTH, ago, amount, duration, facts, percent, safe, safe_lines, size, table
from xwhep.vanity.addresses import Form
from xwhep.vanity.messages import HitView, SearchView
from xwhep.vanity.wanted import want_ending, want_expression, want_patterns
from xwhep.world import REAL

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def a_search(
    *, keys_tried: int = 0, keys_per_s: float = 0.0, hosts: int = 2, result: HitView | None = None
) -> SearchView:
    return SearchView(
        patterns=["1LoVE"],
        public_key="02" + "ab" * 32,
        difficulty=4_476_343.0,
        keys_tried=keys_tried,
        keys_per_s=keys_per_s,
        hosts=hosts,
        result=result,
    )


def test_terminal_escapes_are_written_out() -> None:
    assert safe("red \x1b[31m\r\n\u202e\x9b") == "red \\x1b[31m\\r\\n\\u202e\\x9b"


def test_lines_and_tabs_stay_where_lines_are_wanted() -> None:
    assert safe_lines("a\tb\n\x07c\n") == "a\tb\n\\x07c\n"


def test_a_table_is_aligned() -> None:
    text = table(("UID", "NAME"), [("1", "one"), ("1000", "a thousand")])

    assert text == "UID   NAME\n1     one\n1000  a thousand"


def test_a_table_fits_the_terminal() -> None:
    text = table(("UID", "STATUS", "NAME"), [("x" * 36, "completed", "n" * 63)])

    assert max(len(line) for line in text.splitlines()) == WIDTH
    assert text.endswith("nnn...")


def test_facts_leave_out_what_is_not_known() -> None:
    assert facts([("name", "a"), ("ended", None), ("status", "running")]) == "name    a\nstatus  running"


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (16 * 1024**3, "16.0 GiB"),
        (2**60, "1048576.0 TiB"),
    ],
)
def test_sizes_have_units(size_bytes: int, text: str) -> None:
    assert size(size_bytes) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (12.34, "12.3"),
        (999, "999"),
        (999.9, "1 k"),
        (1000, "1 k"),
        (4_476_343, "4.48 M"),
        (999_999, "1 M"),
        (1e24, "1.00e+24"),
    ],
)
def test_amounts_have_three_digits(number: float, text: str) -> None:
    assert amount(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than 1 s"),
        (1, "1 s"),
        (59.4, "59 s"),
        (59.7, "1 min"),
        (90, "1.5 min"),
        (3600, "1 h"),
        (50_000, "14 h"),
        (86400 * 40, "40 days"),
        (1e20, "3.2e+12 years"),
    ],
)
def test_durations_have_two_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_moments_are_told_from_now() -> None:
    assert ago(NOW - timedelta(minutes=3), NOW) == "3 min ago"
    assert ago(NOW + timedelta(days=20), NOW) == "in 20 days"
    assert ago(NOW, NOW) == "just now"


@pytest.mark.parametrize(
    ("part", "text"), [(0, "0.0 %"), (0.0001, "<0.1 %"), (0.5, "50.0 %"), (0.99999, ">99.9 %"), (1, "100.0 %")]
)
def test_a_part_is_never_rounded_to_nothing_or_all(part: float, text: str) -> None:
    assert percent(part) == text


def test_difficulty_is_told_with_chances_and_times() -> None:
    assert describe_difficulty(want_patterns(["1LoVE"]), 2e6) == (
        "wanted                   1LoVE\n"
        "form                     p2pkh-compressed on the main network\n"
        "difficulty               4,476,343 keys on average\n"
        "50% chance after         3.1 M keys, 2 s\n"
        "90% chance after         10.3 M keys, 5 s\n"
        "99% chance after         20.6 M keys, 10 s\n"
        "mean time at 2 M keys/s  2 s"
    )


def test_what_a_search_takes_is_told_with_its_speed() -> None:
    assert expectation(4_476_343, 60_000) == "60 k keys/s: 1.2 min on average"


def test_a_few_patterns_are_told_one_by_one_and_many_by_their_number() -> None:
    few = describe_difficulty(want_patterns(["bc1qx", "bc1qyz"], [Form.P2WPKH]), None)
    many = describe_difficulty(want_patterns([f"1{letter}" for letter in "ABCDEFGHJKL"]), None)

    assert few.startswith(
        "wanted            bc1qx, 32 keys on average\nwanted            bc1qyz, 1,024 keys on average\n"
    )
    assert many.startswith("wanted            1A and 10 more\n")


def test_of_several_forms_each_is_told_with_its_texts() -> None:
    forms = (Form.P2PKH_COMPRESSED, Form.P2PKH_UNCOMPRESSED, Form.ETHEREUM)

    text = describe_difficulty(want_patterns(["11", "0xAb"], forms), None)

    assert text.startswith(
        "wanted            11 in p2pkh-compressed, 256 keys on average\n"
        "wanted            11 in p2pkh-uncompressed, 256 keys on average\n"
        "wanted            0xAb in ethereum, 1,024 keys on average\n"
        "form              p2pkh-compressed, p2pkh-uncompressed, ethereum on the main network\n"
    )


def test_an_end_and_an_expression_are_told_as_they_were_given() -> None:
    assert describe_difficulty(want_ending("VE", "1Lo"), None).startswith("wanted            1Lo...VE\n")
    assert describe_difficulty(want_ending("VE"), None).startswith("wanted            ...VE\n")
    assert describe_difficulty(want_expression("1LoVE.*x$"), None).startswith("wanted            1LoVE.*x$\n")
    for wish, told in (
        ({"patterns": ["1Lo"], "suffix": "VE"}, "1Lo...VE"),
        ({"patterns": [], "suffix": "VE"}, "...VE"),
        ({"patterns": [], "expression": "1LoVE.*x$"}, "1LoVE.*x$"),
    ):
        assert describe_search(a_search().model_copy(update=wish)).startswith(f"wanted              {told}\n")


def test_a_search_for_many_patterns_in_any_case_says_so() -> None:
    search = a_search().model_copy(update={"patterns": ["1LoVE", "1Ab", "1Ac"], "ignore_case": True})

    assert describe_search(search).startswith("wanted              1LoVE and 2 more, in any case\n")


def test_a_search_shows_how_it_goes() -> None:
    part, words = search_progress(a_search(keys_tried=4_476_343, keys_per_s=1e6))

    assert part == pytest.approx(0.632, abs=0.001)
    assert words == "4.48 M keys, 1 M keys/s, about 4 s left"


def test_a_search_without_hosts_says_so() -> None:
    assert search_progress(a_search(hosts=0))[1] == "0 keys tried, no host at work on it now"


def test_a_search_whose_hosts_have_not_said_how_fast_they_are_has_hosts_all_the_same() -> None:
    assert search_progress(a_search(hosts=2))[1] == "0 keys tried, hosts at work: 2"


def test_a_search_that_has_found_shows_the_address() -> None:
    text = describe_search(a_search(keys_tried=7, result=HitView(s="00" * 32, e=0, sign=1, address="1LoVE")))

    assert text.endswith("address        1LoVE")
    assert "probability" not in text


def test_an_easy_pattern_needs_one_key() -> None:
    assert "1 keys" in describe_difficulty(want_patterns(["1"]), None)


def a_batch(kind: str, jobs: dict[Status, int], search: SearchView | None = None) -> BatchView:
    return BatchView(
        name="sweep",
        uid=REAL.new_uid(),
        owner_uid=REAL.new_uid(),
        kind=kind,
        status=BatchStatus.RUNNING,
        submitted_at=NOW,
        ended_at=None,
        jobs=jobs,
        details=None if search is None else search.model_dump(mode="json"),
    )


def test_a_bag_is_shown_by_its_jobs() -> None:
    bag = a_batch("bag", {Status.COMPLETED: 2, Status.FAILED: 1, Status.RUNNING: 1})

    assert display(bag) == Display(0.75, "3 of 4 ended")
    assert display(a_batch("bag", {})) == Display(0.0, "0 of 0 ended")


def test_a_search_is_shown_by_its_own_function() -> None:
    search = a_search(keys_tried=4_476_343, keys_per_s=1e6)

    shown = display(a_batch("search", {Status.RUNNING: 2}, search))

    assert (shown.fraction, shown.words) == search_progress(search)
    assert shown.details == describe_search(search)


def test_each_kind_with_a_display_is_a_kind_of_batch() -> None:
    assert set(KINDS) <= set(Kinds.load().sources)
