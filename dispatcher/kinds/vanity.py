"""Vanity searches: blinded at first, sliced into units as hosts ask, ended by the first true hit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any, Final

from cachetools import LRUCache, cached

from dispatcher.kinds.contract import (
    AppKind,
    Begun,
    BuiltInApp,
    Case,
    Change,
    Checked,
    Concluded,
    Draw,
    Handed,
    Handing,
    JobSource,
    Made,
    Own,
    Shown,
)
from dispatcher.kinds.vanity_tables import Search, VanityHost, VanityUnit
from dispatcher.scheduling.matching import Requirement
from xwhep.errors.jobs import FalseResultError
from xwhep.errors.requests import InvalidFieldError
from xwhep.ids import derived_uid
from xwhep.lifecycle import AttemptStatus, BatchStatus, Status
from xwhep.protocol.apps import RegisterApp
from xwhep.protocol.attempts import FinishAttempt, Outcome
from xwhep.protocol.base import Details
from xwhep.secp256k1 import N, Point, decode, encode
from xwhep.vanity.effort import effort
from xwhep.vanity.errors import KeyUsedError, ShareClaimedError
from xwhep.vanity.hit_fields import hit_fields
from xwhep.vanity.messages import (
    KIND as NAME,
)
from xwhep.vanity.messages import (
    SEARCH,
    HitView,
    ReportShare,
    SearchFields,
    SearchingHost,
    SearchView,
    ShareReply,
    SubmitSearch,
    VanityAbility,
    VanityWork,
    WishFields,
    unit_fields,
)
from xwhep.vanity.shares import keys_proven, share_target
from xwhep.vanity.sizing import proven_rate, sizing_rate, unit_steps
from xwhep.vanity.split_key import Hit, blind, unblind
from xwhep.vanity.target_fields import TargetFields
from xwhep.vanity.targets import Target
from xwhep.vanity.units import Unit, keys_of, unit_uid, verify
from xwhep.vanity.wanted import Found, Wanted

#: the app that the dispatcher brings along
APP_UID: Final = derived_uid("xwhep/builtin-app/1", b"vanity")
#: cache bound of targets, in ranges of about 200 bytes each
MOST_RANGES: Final = 500_000
_ASKED_FOR: Final = set(SearchFields.model_fields)


class Vanity(AppKind):
    """Jobs that each search one unit."""

    name = NAME
    work = VanityWork
    report = ReportShare
    ability = VanityAbility
    own = Own(host=VanityHost, batch=Search, job=VanityUnit)
    built_in = BuiltInApp(APP_UID, "vanity")
    leaves_files = False

    def check_apps(self, apps: Sequence[RegisterApp]) -> None:
        """Refuse all: there is the built-in app, and no other makes sense.

        Raises:
            InvalidFieldError: always.
        """
        if apps:
            raise InvalidFieldError("kind", f"an app of kind {NAME} is built in; register native apps")

    def features(self, abilities: Sequence[VanityAbility]) -> list[frozenset[str]]:
        """Return the forms of address that hosts can search for."""
        return [frozenset(form.value for form in ability.forms) for ability in abilities]

    def remembered(self, abilities: Sequence[VanityAbility]) -> list[Mapping[str, Any]]:
        """Return the rates that hosts tell."""
        return [{"keys_per_s": ability.keys_per_s} for ability in abilities]

    def hand_out(self, handings: Sequence[Handing]) -> list[Handed]:
        """Return the units; a search goes at the host's rate of before, until a heartbeat tells another."""
        return [_handed(handing) for handing in handings]

    def check(self, reports: Sequence[tuple[Case, ReportShare]]) -> list[Checked]:
        """Check shares with curve arithmetic; one that is what is wanted ends its search."""
        cases = {id(case): case for case, _ in reports}
        units = {name: _reporting(case) for name, case in cases.items()}  # once, for all shares of a unit
        return [_checked(case, *units[id(case)], report.hit()) for case, report in reports]

    def conclude(self, ends: Sequence[tuple[Case, FinishAttempt]], now: datetime) -> list[Concluded]:
        """Return what ends mean: a unit cannot fail by its own fault, and one that is done tells its host's rate."""
        return [
            Concluded(AttemptStatus.FINISHED, [_rate(case, now)])
            if end.outcome is Outcome.FINISHED
            else Concluded(AttemptStatus.LOST)
            for case, end in ends
        ]

    def account(self, ended: Sequence[Case]) -> list[Change]:
        """Return the keys that were tried, for their searches."""
        tried = [(case.job.batch_uid, case.attempt.amount) for case in ended]
        return [Change(Search, batch_uid, add={"keys_tried": keys}) for batch_uid, keys in tried if batch_uid]

    def host_views(self, rows: Sequence[VanityHost]) -> list[Details]:
        """Return the rates and the credit of hosts."""
        return [SearchingHost.model_validate(row).model_dump() for row in rows]


class Searches(JobSource):
    """Batches that search, unit after unit, until one of them has a hit."""

    name = SEARCH
    request = SubmitSearch
    own = Search
    app_uid = APP_UID
    ends_with_its_jobs = False

    def begin(self, request: SubmitSearch, randbelow: Callable[[int], int]) -> Begun:
        """Begin a search: parse its patterns, check its key, and blind the key with a number that no host learns.

        Raises:
            PatternError, PatternListError: no search can be made for the patterns.
            PublicKeyError: the key is not a point of the curve.
        """
        wanted = request.wanted()
        public_key = decode(bytes.fromhex(request.public_key))
        r = randbelow(N - 1) + 1
        search = Search(
            **request.model_dump(include=_ASKED_FOR),
            batch_uid=request.uid,
            blinding=r.to_bytes(32, "big").hex(),
            blinded_key=encode(blind(public_key, r)).hex(),
            target=TargetFields.of(wanted.target),
            difficulty=float(wanted.difficulty),
        )
        requirement = Requirement(NAME, features=frozenset(form.value for form in wanted.forms))
        return Begun(requirement=requirement, own=search, taken=KeyUsedError())

    def make(self, draws: Sequence[Draw]) -> list[Made]:
        """Return the next units, each sized for its host."""
        return [_made(draw.own.batch, draw.own.host) for draw in draws]

    def status(self, jobs_in: Mapping[Status, int], *, ended: bool) -> BatchStatus:  # noqa: ARG002 - the contract's
        """Return where a search is: it runs until it has its hit."""
        return BatchStatus.COMPLETED if ended else BatchStatus.RUNNING

    def details(self, batches: Sequence[Shown]) -> list[Details | None]:
        """Return how far searches are."""
        return [_view(shown).model_dump(mode="json") for shown in batches]


KIND: Final = Vanity()
SOURCE: Final = Searches()


def _made(search: Search, host: VanityHost) -> Made:
    keys_a_step = keys_of(1, plain=search.plain)
    keys_per_s = sizing_rate(host.keys_per_s, host.proven_keys_per_s)
    number = search.next_number
    return Made(
        uid=unit_uid(search.batch_uid, number),
        amount=unit_steps(keys_per_s / _effort(search), keys_a_step) * keys_a_step,
        own=VanityUnit(job_uid=unit_uid(search.batch_uid, number), number=number),
        advance=Change(Search, search.batch_uid, put={"next_number": number + 1}, expected={"next_number": number}),
        attempts_allowed=1,  # a lost unit is not repeated: the next one is as good
    )


def _handed(handing: Handing) -> Handed:
    search, host = handing.own.batch, handing.own.host
    unit = _unit(search, handing.own.job.number, handing.job.amount)
    work = VanityWork(**unit_fields(unit), batch_uid=unit.batch, keys_proven=host.keys_proven)
    return Handed(work, host.keys_per_s / _effort(search))


def _reporting(case: Case) -> tuple[Unit, int]:
    """Return the unit of an attempt that reports, and how many keys a share of it proves."""
    unit = _unit(case.own.batch, case.own.job.number, case.job.amount)
    return unit, keys_proven(unit.target)


def _checked(case: Case, unit: Unit, proven: int, hit: Hit) -> Checked:
    search = case.own.batch
    try:
        key = verify(unit, hit)
    except FalseResultError as error:
        return Checked(refused=error)
    changes = [
        Change(VanityHost, case.attempt.host_uid, add={"shares": 1, "keys_proven": proven}),
        Change(VanityUnit, case.job.uid, add={"keys_proven": proven}),
    ]
    found = _wanted(search).find(key) if _target(search).match(key) else None
    if found is not None:
        changes.append(_result(search, hit, found))
    return Checked(
        claim=f"{hit.s:064x} {hit.e} {hit.sign}",
        repeated=ShareClaimedError(case.job.uid),
        changes=changes,
        decides=found is not None,
        answer=lambda own: ShareReply(keys_proven=own.host.keys_proven).model_dump(),
    )


def _result(search: Search, hit: Hit, found: Found) -> Change:
    """Return the one result of a search as the requester can use it: without the blinding."""
    fields = hit_fields(unblind(hit, int(search.blinding, 16)))
    put = {f"result_{name}": value for name, value in fields.items()} | {"result_address": found.address}
    return Change(Search, search.batch_uid, put=put, expected={"result_s": None})


def _rate(case: Case, now: datetime) -> Change:
    """Return the proven rate of a host that says to have finished a unit now."""
    elapsed_s = (now - case.attempt.leased_at).total_seconds()
    keys = _effort(case.own.batch) * case.own.job.keys_proven
    rate = proven_rate(case.own.host.proven_keys_per_s, keys, elapsed_s)
    return Change(VanityHost, case.attempt.host_uid, put={"proven_keys_per_s": rate})


def _view(shown: Shown) -> SearchView:
    search: Search = shown.own
    hit = {"s": search.result_s, "e": search.result_e, "sign": search.result_sign, "address": search.result_address}
    return SearchView(
        **{name: getattr(search, name) for name in (*_ASKED_FOR, "difficulty")},
        keys_tried=search.keys_tried + shown.amount,
        keys_per_s=shown.amount_per_s,
        hosts=shown.hosts,
        result=None if search.result_s is None else HitView.model_validate(hit),
    )


def _unit(search: Search, number: int, keys: int | None) -> Unit:
    assert keys is not None, "each unit was given its size"
    return Unit(
        batch=search.batch_uid,
        number=number,
        steps=keys // keys_of(1, plain=search.plain),
        public_key=_point(search.blinded_key),
        target=_target(search, keys),
        plain=search.plain,
    )


def _wanted(search: Search) -> Wanted:
    return WishFields.model_validate(search, from_attributes=True).wanted()


def _effort(search: Search) -> float:
    return effort(_target(search), plain=search.plain)


@lru_cache(maxsize=1024)  # a square root, for each share again
def _point(key: str) -> Point:
    return decode(bytes.fromhex(key))


def _range_count(target: Target) -> int:
    return sum(len(ranges) for _, ranges in target.ranges) + (len(target.ending.ranges) if target.ending else 0)


@cached(
    LRUCache(MOST_RANGES, getsizeof=_range_count),
    key=lambda search, unit_keys=None: (search.blinded_key, unit_keys),  # no two searches share the blinded key
    lock=Lock(),
)
def _target(search: Search, unit_keys: int | None = None) -> Target:
    """Return what counts in a search, or in its units of so many keys.

    That never changes, and is neither read nor computed for each lease and each share again.
    """
    return search.target.target() if unit_keys is None else share_target(_target(search), unit_keys)
