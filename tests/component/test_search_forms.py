"""Searches for addresses of every form, for many patterns at once, through the dispatcher's use cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dispatcher.usecases import batches, results
from tests.support.desk import Desk
from tests.support.person import first_hit
from xwhep.bitcoin.addresses import Form, Network, decode_address
from xwhep.errors import PatternError, PatternListError
from xwhep.lifecycle import BatchStatus
from xwhep.model.attempts import VanityWork
from xwhep.model.batches import BatchView
from xwhep.rights import Role

ALL_FORMS = frozenset(Form)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "grid.sqlite")
    yield desk
    desk.database.close()


def found(desk: Desk, batch: BatchView) -> BatchView:
    """Let a host find what a batch looks for, and return how the batch ends."""
    host = desk.member("host", Role.HOST)
    lease = desk.lease(host, forms=ALL_FORMS)
    assert lease is not None
    assert isinstance(lease.work, VanityWork)
    hit = first_hit(lease.work)
    desk.database.run_now(results.report_hit, host, lease.job_uid, lease.attempt, hit, now=desk.now)
    return desk.database.run_now(batches.show, desk.owner, batch.uid)


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("1L", {"form": Form.P2PKH_UNCOMPRESSED}),
        ("bc1qx", {"form": Form.P2WPKH}),
        ("3L", {"form": Form.P2SH_P2WPKH}),
        ("n", {"network": Network.TEST}),
        ("2N", {"form": Form.P2SH_P2WPKH, "network": Network.TEST}),
    ],
)
def test_a_search_of_each_form_ends_with_an_address_of_it(desk: Desk, pattern: str, wanted: dict[str, Any]) -> None:
    ended = found(desk, desk.search(pattern, **wanted))

    assert ended.status is BatchStatus.COMPLETED
    assert ended.search is not None
    assert ended.search.result is not None
    assert ended.search.result.address.startswith(pattern)
    assert decode_address(ended.search.result.address).network is wanted.get("network", Network.MAIN)


def test_any_of_many_patterns_in_any_case_ends_a_search(desk: Desk) -> None:
    ended = found(desk, desk.search("1lo", further_patterns=["1ABC", "1x"], ignore_case=True))

    assert ended.search is not None
    assert (ended.search.pattern, ended.search.further_patterns) == ("1lo", ["1ABC", "1x"])
    assert ended.search.result is not None
    assert ended.search.patterns().matching(decode_address(ended.search.result.address).digest)


def test_the_chances_of_all_patterns_count(desk: Desk) -> None:
    one, both = desk.search("1Lo").search, desk.search("1Lo", further_patterns=["1Ab", "1Lo"]).search

    assert one is not None
    assert both is not None
    assert both.difficulty < one.difficulty


def test_a_host_gets_no_unit_of_a_form_that_it_cannot_search_for(desk: Desk) -> None:
    host = desk.member("host", Role.HOST)
    desk.search("3L", form=Form.P2SH_P2WPKH)

    assert desk.lease(host) is None
    assert desk.lease(host, forms=ALL_FORMS - {Form.P2SH_P2WPKH}) is None
    assert desk.lease(host, forms=ALL_FORMS) is not None


def test_patterns_that_contradict_each_other_are_refused(desk: Desk) -> None:
    with pytest.raises(PatternError, match="like this begin those of p2pkh-compressed on the test network"):
        desk.search("1Lo", further_patterns=["mLo"])
    with pytest.raises(PatternListError, match="they have more than 4,096 ranges"):
        desk.search("1aaaaaaaaaaaa", further_patterns=["1bbbbbbbbbbb"], ignore_case=True)
