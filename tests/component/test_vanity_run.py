"""One unit in the real child, and children that go wrong."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.support.kernels import forget_kernels
from tests.support.leases import vanity_lease
from worker.brake import Brake
from worker.vanity import local_search, process
from worker.vanity.local_search import Order
from xwhep.protocol.attempts import Outcome, ProgressFields
from xwhep.secp256k1 import decode
from xwhep.vanity.addresses import Form, hashed_as
from xwhep.vanity.errors import SearchFailedError
from xwhep.vanity.messages import ReportShare, VanityWork
from xwhep.vanity.split_key import Hit, combine, keygen
from xwhep.vanity.target_fields import FormRanges
from xwhep.vanity.units import keys_of, verify
from xwhep.vanity.wanted import want_patterns

NOTHING = ("ff" * 20, "ff" * 20)
#: one hash in 65,536
SOME = ("0000" + "00" * 18, "0000" + "ff" * 18)
#: one hash in 2**20, steps for some fifteen of them, and a share of a processor with which they last for seconds
FEW = ("00" * 20, "00000f" + "ff" * 17)
ENOUGH_STEPS, SMALL_SHARE = 320, 0.25
ENDLESS_STEPS = 2**31
BACKWARDS = FormRanges(form=Form.P2PKH_COMPRESSED, ranges=[("ff" * 20, "00" * 20)])


class Sink:
    """Keeps what a search says."""

    def __init__(self) -> None:
        self.hits: list[ReportShare] = []
        self.latest: ProgressFields | None = None
        self.moved = asyncio.Event()
        self.compilations = 0

    def compiling(self) -> None:
        self.compilations += 1

    def progress(self, progress: ProgressFields) -> None:
        self.latest = progress
        self.moved.set()

    async def hit(self, share: ReportShare) -> None:
        self.hits.append(share)


class KillingSink(Sink):
    """Kills the child when it says how far it is, so many times."""

    def __init__(self, kills: int) -> None:
        super().__init__()
        self.kills = kills
        self.tried: list[int] = []

    def progress(self, progress: ProgressFields) -> None:
        self.tried.append(progress.amount)
        if self.kills:
            self.kills -= 1
            for child in psutil.Process().children():
                child.kill()


def shares(sink: Sink) -> set[tuple[str, int, int]]:
    return {(hit.s, hit.e, hit.sign) for hit in sink.hits}


def unit(*, steps: int, ranges: tuple[str, str]) -> VanityWork:
    return vanity_lease(1, steps=steps, ranges=ranges).work


@pytest.fixture
async def no_child_left() -> AsyncIterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.mark.usefixtures("no_child_left")
async def test_a_unit_is_searched_to_its_end_and_its_hits_stand_up_to_checking() -> None:
    work, sink = unit(steps=8, ranges=SOME), Sink()

    end = await process.search(work, sink)

    assert end.outcome is Outcome.FINISHED
    assert end.amount == keys_of(8, plain=False)
    assert end.fraction == 1
    assert sink.hits
    for hit in sink.hits:
        verify(work.unit(work.batch_uid), hit.hit())


@pytest.mark.usefixtures("no_child_left")
async def test_a_search_is_compiled_first_in_a_child_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_kernels(tmp_path)
    monkeypatch.setenv("XWHEP_HOME", str(tmp_path))
    work, sinks = unit(steps=8, ranges=SOME), (Sink(), Sink())

    for sink in sinks:
        await process.search(work, sink)

    assert [sink.compilations for sink in sinks] == [1, 0]
    assert sinks[0].hits == sinks[1].hits != []


@pytest.mark.usefixtures("no_child_left")
async def test_two_searches_of_a_unit_find_the_same_shares() -> None:
    work, sinks = unit(steps=8, ranges=SOME), (Sink(), Sink())

    for sink in sinks:
        await process.search(work, sink)

    first, second = map(shares, sinks)
    assert first == second
    assert len(first) == len(sinks[0].hits)


@pytest.mark.usefixtures("no_child_left")
async def test_hits_have_the_form_of_their_unit() -> None:
    """Of a unit in all forms, as other tests search it too: compiling one for a form alone would take its time."""
    sink = Sink()
    targets = [
        FormRanges(form=form, ranges=[SOME if form is Form.P2SH_P2WPKH else NOTHING])
        for form in Form
        if hashed_as(form) is form
    ]
    work = unit(steps=8, ranges=SOME).model_copy(update={"targets": targets})

    await process.search(work, sink)

    assert sink.hits
    for hit in sink.hits:
        verify(work.unit(work.batch_uid), hit.hit())


@pytest.mark.usefixtures("no_child_left")
async def test_a_unit_of_a_form_that_no_kernel_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FORMS", frozenset())

    with pytest.raises(SearchFailedError, match="this worker cannot search for p2pkh-compressed addresses"):
        await process.search(unit(steps=1, ranges=SOME), Sink())


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ({"public_key": "02" + f"{5:064x}"}, "not on the curve"),
        ({"targets": [BACKWARDS]}, "not ascending ranges"),
    ],
)
async def test_a_unit_that_cannot_be_is_no_search_and_the_volunteer_is_told_why(
    lie: dict[str, object], reason: str
) -> None:
    with pytest.raises(SearchFailedError, match=reason):
        await process.search(unit(steps=1, ranges=SOME).model_copy(update=lie), Sink())


@pytest.mark.usefixtures("no_child_left")
async def test_a_search_tells_how_far_it_is_and_ends_when_it_is_cancelled() -> None:
    sink = Sink()
    task = asyncio.create_task(process.search(unit(steps=ENDLESS_STEPS, ranges=NOTHING), sink))
    async with asyncio.timeout(60):
        await sink.moved.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert sink.latest is not None
    assert sink.latest.amount > 0
    assert sink.latest.amount_per_s > 0


@pytest.mark.usefixtures("no_child_left")
async def test_the_kernel_is_compiled_in_a_child_that_ends() -> None:
    assert (await process.compile_kernel()).keys_per_s > 0


@pytest.mark.usefixtures("no_child_left")
async def test_a_kernel_cache_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    monkeypatch.setenv("XWHEP_HOME", str(tmp_path))

    with pytest.raises(SearchFailedError, match="compiled kernels cannot be kept"):
        await process.compile_kernel()
    with pytest.raises(SearchFailedError, match="compiled kernels cannot be kept"):
        await process.search(unit(steps=1, ranges=NOTHING), Sink())


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.skipif(os.name == "nt", reason="the child is played by a shell script")
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'out of order' >&2; exit 3", r"its process ended \(exit status 3\): out of order"),
        ("kill -9 $$", r"its process ended \(exit status -9\)"),
        ("echo rubbish; cat", "said what cannot be understood"),
        ("head -c 200000 /dev/zero; cat", "said what cannot be understood"),
        ('echo \'{"event":"done","keys":5,"next_step":0}\'', "stopped before the unit's end"),
        ("trap '' TERM; while :; do sleep 0.1; done", "said nothing for 1 s"),
    ],
)
async def test_a_child_that_goes_wrong_fails_the_search_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    child = tmp_path / "python"
    child.write_text(f"#!/bin/sh\n{script}\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    monkeypatch.setattr(process, "SILENCE_S", 1.0)
    monkeypatch.setattr(process, "GRACE_S", 0.3)

    with pytest.raises(SearchFailedError, match=reason):
        await process.search(unit(steps=1, ranges=NOTHING), Sink())


@pytest.mark.usefixtures("no_child_left")
async def test_a_child_that_is_killed_is_started_again_where_it_was_and_no_share_is_missed() -> None:
    work = unit(steps=ENOUGH_STEPS, ranges=FEW)
    undisturbed, disturbed, bookmark = Sink(), KillingSink(kills=2), process.Bookmark()

    await process.search(work, undisturbed)
    end = await process.search(work, disturbed, share=SMALL_SHARE, bookmark=bookmark)

    assert end.outcome is Outcome.FINISHED
    assert end.amount == keys_of(ENOUGH_STEPS, plain=False)
    assert disturbed.kills == 0
    assert disturbed.tried == sorted(disturbed.tried)
    assert undisturbed.hits
    assert shares(disturbed) == shares(undisturbed)


@pytest.mark.usefixtures("no_child_left")
async def test_a_search_goes_on_at_its_bookmark() -> None:
    work, whole, rest, bookmark = unit(steps=8, ranges=SOME), Sink(), Sink(), process.Bookmark(5)
    begun = Sink()

    await process.search(work, whole)
    await process.search(work.model_copy(update={"steps": 5}), begun)
    end = await process.search(work, rest, bookmark=bookmark)

    assert shares(begun) | shares(rest) == shares(whole)
    assert len(shares(rest)) < len(shares(whole))
    assert (end.amount, end.fraction) == (keys_of(8, plain=False), 1)


async def test_a_unit_that_was_searched_to_its_end_needs_no_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))

    end = await process.search(unit(steps=8, ranges=SOME), Sink(), bookmark=process.Bookmark(8))

    assert (end.outcome, end.amount, end.fraction) == (Outcome.FINISHED, keys_of(8, plain=False), 1)


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.skipif(os.name == "nt", reason="the child is played by a shell script")
@pytest.mark.parametrize(
    ("end", "starts"),
    [
        ("kill -9 $$", process.STARTS),
        ("""echo '{"event":"failed","code":"miscalculation","text":"a wrong key"}'; cat > /dev/null""", 1),
        ("echo rubbish; cat > /dev/null", 1),
    ],
    ids=["died", "failed", "garbled"],
)
async def test_a_child_that_dies_is_started_a_few_times_and_one_that_says_why_it_fails_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, starts: int
) -> None:
    child = tmp_path / "python"
    child.write_text(f"#!/bin/sh\necho started >> {tmp_path}/starts\n{end}\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))

    with pytest.raises(SearchFailedError):
        await process.search(unit(steps=1, ranges=NOTHING), Sink())

    assert (tmp_path / "starts").read_text().count("started") == starts


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.skipif(os.name == "nt", reason="the child is played by a shell script")
async def test_a_child_may_be_silent_while_it_is_paused_and_not_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "python"
    child.write_text("#!/bin/sh\ncat > /dev/null\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    monkeypatch.setattr(process, "SILENCE_S", 0.2)
    brake = Brake()
    brake.turn(on=True)
    searching = asyncio.create_task(process.search(unit(steps=1, ranges=NOTHING), Sink(), brake=brake))

    ended, _ = await asyncio.wait({searching}, timeout=1)
    brake.turn(on=False)

    assert not ended
    with pytest.raises(SearchFailedError, match="said nothing"):
        await searching


async def test_a_child_that_cannot_be_started_fails_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))

    with pytest.raises(SearchFailedError, match="its process cannot be used"):
        await process.search(unit(steps=1, ranges=NOTHING), Sink())


@pytest.mark.usefixtures("no_child_left")
async def test_a_search_on_this_machine_alone_finds_a_key_of_the_requester() -> None:
    secret, encoded = keygen()
    wanted = want_patterns(["1Lo"])

    hit = await local_search.search(Order(wanted, decode(encoded)), slots=2, nice=0, show=lambda _: None)

    assert combine(secret, hit, wanted.find)


async def test_a_search_on_this_machine_adds_up_its_units_and_takes_a_slot_between_two_for_an_average_one() -> None:
    shown: list[tuple[int, float]] = []
    hit: asyncio.Future[Hit] = asyncio.get_running_loop().create_future()
    order = Order(want_patterns(["1Lo"]), decode(keygen()[1]))
    found = local_search.Found(order, 2, lambda it: shown.append((it.amount, it.amount_per_s)), lambda: None, hit)

    found.tell(0, ProgressFields(amount=100, amount_per_s=10))
    found.tell(1, ProgressFields(amount=50, amount_per_s=30))
    found.end(0, 150)
    found.tell(1, ProgressFields(amount=80, amount_per_s=30))
    found.tell(2, ProgressFields(amount=10, amount_per_s=20))

    assert shown == [(100, 20), (150, 40), (230, 60), (240, 50)]


@pytest.mark.usefixtures("no_child_left")
async def test_a_search_on_this_machine_says_why_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    monkeypatch.setenv("XWHEP_HOME", str(tmp_path))

    order = Order(want_patterns(["1Lo"]), decode(keygen()[1]))

    with pytest.raises(SearchFailedError, match="compiled kernels cannot be kept"):
        await local_search.search(order, slots=1, nice=0, show=lambda _: None)
