"""Searches of every kind, for addresses of every form, through the dispatcher's use cases, from the key to the key."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from dispatcher.storage.member_tables import Fault
from dispatcher.usecases import batches, reports
from dispatcher.usecases.submissions import BatchSubmission
from tests.support.desk import Desk
from tests.support.kinds import KINDS, AnyLease, searched
from worker.vanity import reference
from xwhep.errors.jobs import FalseResultError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.lifecycle import AttemptStatus, BatchStatus
from xwhep.protocol.attempts import AttemptReply
from xwhep.protocol.batches import BatchView
from xwhep.rights import Caller, Role
from xwhep.secp256k1 import N
from xwhep.vanity import base58, expressions
from xwhep.vanity.addresses import Form, Network, address, decode_address, key_hash
from xwhep.vanity.errors import PatternError, PatternListError, ShareClaimedError
from xwhep.vanity.hit_fields import hit_fields
from xwhep.vanity.messages import HitView, ReportShare, SubmitSearch, VanityWork
from xwhep.vanity.requester import read_hit
from xwhep.vanity.shares import keys_proven
from xwhep.vanity.sizing import FIRST_UNIT_KEYS, UNIT_S
from xwhep.vanity.split_key import Hit, combine, keygen
from xwhep.vanity.units import Unit, keys_of
from xwhep.world import REAL

ALL_FORMS = frozenset(Form)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "grid.sqlite")
    yield desk
    desk.database.close()


@dataclass(slots=True)
class Requester:
    """Has a search made with a key whose secret she keeps."""

    desk: Desk
    secret: int
    batch: BatchView

    @classmethod
    def of(cls, desk: Desk, *patterns: str, **wish: Any) -> Requester:
        secret, key = keygen()
        uid = REAL.new_uid()
        request = SubmitSearch(uid=uid, name="search", patterns=list(patterns), public_key=key.hex(), **wish)
        submission = BatchSubmission.of(KINDS.sources[request.kind], request, secrets.randbelow)
        batch = desk.database.run_now(batches.submit, KINDS, desk.owner, submission, now=desk.now)
        return cls(desk, secret, batch)

    def shown(self) -> BatchView:
        """Return the search as it stands."""
        return self.desk.database.run_now(batches.show, KINDS, self.desk.owner, self.batch.uid)

    def result(self) -> HitView:
        """Return what was found, once the search has ended."""
        view = self.shown()
        assert view.status is BatchStatus.COMPLETED
        result = searched(view).result
        assert result is not None
        return result

    def address(self) -> str:
        """Return the address that was found, once its private key is made and agrees with it."""
        search, result = searched(self.shown()), self.result()
        key, found = combine(self.secret, read_hit(result), search.wanted().find)
        digest = key_hash(public_key_of(key), found.form)
        assert address(digest, found.form, search.network) == found.address == result.address
        return found.address


@dataclass(slots=True)
class Volunteer:
    """A host that searches its one unit on Python integers."""

    desk: Desk
    host: Caller
    lease: AnyLease
    work: VanityWork

    @classmethod
    def of(cls, desk: Desk, *, keys_per_s: float = 0) -> Volunteer:
        host = desk.member(f"host-{REAL.new_uid()}", Role.HOST)
        lease = desk.lease(host, forms=ALL_FORMS, keys_per_s=keys_per_s)
        assert lease is not None
        assert isinstance(lease.work, VanityWork)
        return cls(desk, host, lease, lease.work)

    @property
    def unit(self) -> Unit:
        return self.work.unit(self.work.batch_uid)

    def shares(self) -> Iterator[Hit]:
        """Yield those of the unit's first lane, and of the others after it."""
        target = self.unit.target
        return (hit for hit, key in reference.keys(self.unit) if target.match(key))

    def report(self, hit: Hit) -> AttemptReply:
        """Report a hit, and return the answer, or raise the error that it is."""
        report, ref = ReportShare(**hit_fields(hit)), (self.lease.job_uid, self.lease.attempt)
        reply = self.desk.database.run_now(reports.report, KINDS, self.host, ref, report, now=self.desk.now)
        assert isinstance(reply, AttemptReply)
        return reply

    def search(self) -> int:
        """Report shares until one ends the search; return how many were credited."""
        for credited, hit in enumerate(self.shares(), start=1):
            reply = self.report(hit)
            assert reply.details == {"keys_proven": credited * keys_proven(self.unit.target)}
            if reply.status is AttemptStatus.FINISHED:
                return credited
        raise AssertionError("the unit holds nothing that is wanted")


Looks = Callable[[str], bool]


@pytest.mark.parametrize(
    ("patterns", "wish", "looks"),
    [
        (["1L"], {"forms": [Form.P2PKH_UNCOMPRESSED]}, lambda text: text.startswith("1L")),
        (["bc1qx"], {"forms": [Form.P2WPKH]}, lambda text: text.startswith("bc1qx")),
        (["3L"], {"forms": [Form.P2SH_P2WPKH]}, lambda text: text.startswith("3L")),
        (["n"], {"network": Network.TEST}, lambda text: text.startswith("n")),
        (["2N"], {"forms": [Form.P2SH_P2WPKH], "network": Network.TEST}, lambda text: text.startswith("2N")),
        (["0xa1"], {"forms": [Form.ETHEREUM]}, lambda text: text.lower().startswith("0xa1")),
        (["0xaB"], {"forms": [Form.ETHEREUM]}, lambda text: text.startswith("0xaB")),
        (["0xaB"], {"forms": [Form.ETHEREUM], "ignore_case": True}, lambda text: text.lower().startswith("0xab")),
        (["1lo", "1ABC", "1x"], {"ignore_case": True}, lambda text: text.lower().startswith(("1lo", "1abc", "1x"))),
        (["1"], {"suffix": "x"}, lambda text: text.endswith("x")),
        ([], {"suffix": "qz", "forms": [Form.P2WPKH]}, lambda text: text.endswith("qz")),
        (["0xA"], {"suffix": "b", "forms": [Form.ETHEREUM]}, lambda text: text[:3] + text[-1] == "0xAb"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_search_of_each_kind_ends_with_an_address_and_its_key(
    desk: Desk, patterns: list[str], wish: dict[str, Any], looks: Looks
) -> None:
    requester = Requester.of(desk, *patterns, **wish)

    credited = Volunteer.of(desk).search()

    assert credited >= 1
    assert looks(requester.address())
    if "forms" not in wish or Form.ETHEREUM not in wish["forms"]:
        assert decode_address(requester.address()).network is wish.get("network", Network.MAIN)


def test_a_search_for_thousands_of_patterns_ends_with_one_of_them(desk: Desk) -> None:
    hard = [f"1{one}{other}LoVE" for one in base58.ALPHABET for other in base58.ALPHABET if one < "P" and one != "1"]
    easy = [f"1L{letter}" for letter in base58.ALPHABET]
    requester = Requester.of(desk, *hard, *easy)
    volunteer = Volunteer.of(desk)

    volunteer.search()

    ((_, ranges),) = volunteer.unit.target.ranges
    assert len(ranges) > len(hard)
    assert requester.address()[:3] in easy


def test_a_search_for_an_expression_ends_with_an_address_that_matches(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expressions, "MIN_DIFFICULTY", 16)  # in place of so many keys that Python would take minutes
    requester = Requester.of(desk, expression="0xa[1-3].*[a-f]$", forms=[Form.ETHEREUM])
    volunteer = Volunteer.of(desk)

    volunteer.search()

    found = requester.address().lower()
    assert found[:3] == "0xa"
    assert found[3] in "123"
    assert found[-1] in "abcdef"
    assert volunteer.work.sieve is not None


def test_a_share_that_is_not_what_is_wanted_is_credited_and_the_search_goes_on(desk: Desk) -> None:
    requester = Requester.of(desk, "0xC0ffee", forms=[Form.ETHEREUM])
    volunteer = Volunteer.of(desk, keys_per_s=100)
    hit = next(volunteer.shares())

    reply = volunteer.report(hit)

    assert reply.status is AttemptStatus.LEASED
    proven = keys_proven(volunteer.unit.target)
    assert reply.details == {"keys_proven": proven}
    assert proven < 16**6
    assert requester.shown().status is BatchStatus.RUNNING
    with pytest.raises(ShareClaimedError):
        volunteer.report(hit)


def test_whichever_form_comes_first_ends_a_search_of_several(desk: Desk) -> None:
    forms = [Form.P2PKH_COMPRESSED, Form.P2WPKH, Form.ETHEREUM]
    found: set[Form] = set()

    for _ in range(60):  # so often one form alone comes first in one run of a million million
        requester = Requester.of(desk, "1L", "bc1qx", "0xa1", forms=forms)
        volunteer = Volunteer.of(desk)
        assert [one.form for one in volunteer.work.targets] == [Form.P2PKH_COMPRESSED, Form.ETHEREUM]
        volunteer.search()
        found.add(decode_address(requester.address()).form)
        if len(found) > 1:
            break

    assert len(found) > 1


def test_the_key_of_a_plain_search_is_the_sum_of_two(desk: Desk) -> None:
    requester = Requester.of(desk, "1L", plain=True)
    volunteer = Volunteer.of(desk)

    volunteer.search()

    result = requester.result()
    assert volunteer.work.plain
    assert (result.e, result.sign) == (0, 1)
    total = public_key_of((requester.secret + int(result.s, 16)) % N)
    assert address(key_hash(total)) == requester.address() == result.address


def test_an_image_is_a_false_result_of_a_plain_search(desk: Desk) -> None:
    requester = Requester.of(desk, "1", plain=True)
    volunteer = Volunteer.of(desk)
    hit = next(volunteer.shares())

    with pytest.raises(FalseResultError, match="in a plain search e is 0 and sign is 1") as refusal:
        volunteer.report(Hit(hit.s, 1, 1))

    assert desk.database.run_now(_faults) == [("false-result", refusal.value.text)]
    assert requester.shown().status is BatchStatus.RUNNING


def _faults(session: Session) -> list[tuple[str, str]]:
    return [(fault.code, fault.text) for fault in session.exec(select(Fault)).all()]


@pytest.mark.parametrize(
    ("patterns", "wish", "times"),
    [
        (["1LoVE"], {}, 1),
        (["1LoVE"], {"plain": True}, 1.35),
        (["3LoVE"], {"forms": [Form.P2SH_P2WPKH]}, 1.85),
        (["1LoVE", "3LoVE", "0xc0ffee"], {"forms": list(Form)}, 5.05),
        ([], {"suffix": "LoVE"}, 2),
    ],
)
def test_a_unit_of_a_search_whose_keys_take_longer_has_fewer(
    desk: Desk, patterns: list[str], wish: dict[str, Any], times: float
) -> None:
    Requester.of(desk, *patterns, **wish)

    first = Volunteer.of(desk)
    said = Volunteer.of(desk, keys_per_s=400_000)

    for keys, volunteer in ((FIRST_UNIT_KEYS, first), (400_000 * UNIT_S, said)):
        seen = keys_of(volunteer.work.steps, plain=volunteer.work.plain)
        assert seen * times == pytest.approx(keys, rel=0.16)


def test_the_chances_of_all_patterns_and_forms_count(desk: Desk) -> None:
    def difficulty(*patterns: str, **wish: Any) -> float:
        return searched(desk.search(*patterns, **wish)).difficulty

    one = difficulty("1Lo")
    assert difficulty("1Lo", "1Ab", "1Lo") < one
    assert difficulty("1Lo", forms=[Form.P2PKH_COMPRESSED, Form.P2PKH_UNCOMPRESSED]) == pytest.approx(one / 2, rel=1e-3)
    assert difficulty("0xC0ffee", forms=[Form.ETHEREUM]) == 2**5 * 16**6


def test_a_host_gets_no_unit_of_forms_that_it_cannot_search_for(desk: Desk) -> None:
    host = desk.member("host", Role.HOST)
    desk.search("3L", "0xab", forms=[Form.P2SH_P2WPKH, Form.ETHEREUM])

    assert desk.lease(host) is None
    assert desk.lease(host, forms=ALL_FORMS - {Form.P2SH_P2WPKH}) is None
    assert desk.lease(host, forms=ALL_FORMS - {Form.ETHEREUM}) is None
    assert desk.lease(host, forms=ALL_FORMS) is not None


def test_wishes_that_contradict_each_other_are_refused(desk: Desk) -> None:
    with pytest.raises(PatternError, match="like this begin those of p2pkh-compressed on the test network"):
        desk.search("1Lo", "mLo")
    with pytest.raises(PatternListError, match="they have more than 12,000 ranges"):
        desk.search("1aaaaaaaaaaaa", "1bbbbbbbbbbbb", ignore_case=True)
    with pytest.raises(PatternListError, match="with an end there is one beginning, or none"):
        desk.search("1Lo", "1La", suffix="x")
    with pytest.raises(PatternListError, match="an expression is searched for alone"):
        desk.search("1Lo", expression="1LoVE")
