"""The child as the daemon sees it: a process with a pipe at either end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from statistics import median
from uuid import UUID

import psutil
import pytest

from tests.support.kernels import SHARED_ROOT
from tests.support.targets import of_pattern, of_ranges
from worker.vanity import pipe, reference
from worker.vanity.child import run
from worker.vanity.pipe import Command, Done, Event, Failed, Found, Message, Order, Progress, Started, UnitMessage
from xwhep.secp256k1 import G, N, multiply
from xwhep.vanity import split_key
from xwhep.vanity.targets import Target
from xwhep.vanity.units import Unit, keys_of, offset

ROOT = Path(__file__).parents[2]
NOTHING = of_ranges((2**160 - 1, 2**160 - 1))
ENDLESS = 2**32
#: as a message says it: ranges that end before they begin
BACKWARDS = [{"form": "p2pkh-compressed", "ranges": [["f" * 40, "0" * 40]]}]


def unit_of(target: Target, steps: int) -> Unit:
    public_key = multiply(G, 0xBEEF)
    assert public_key is not None
    return Unit(UUID(int=9), 1, steps, public_key, target)


class Child:
    """A running child."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "worker.vanity", *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, message: Message) -> None:
        self.write(pipe.render(message))

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def hang_up(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def events(self) -> Iterator[Event]:
        assert self.process.stdout is not None
        yield from map(pipe.parse_event, self.process.stdout)

    def until(self, wanted: type[Message]) -> Event:
        return next(event for event in self.events() if isinstance(event, wanted))

    def exit_status(self) -> int:
        return self.process.wait(timeout=60)


@pytest.fixture(scope="session")
def warm_root() -> Path:
    """Return the root of a cache in which the kernel for compressed keys is."""
    child = Child("--cache", str(SHARED_ROOT), "--compile")
    with child.process:
        child.until(pipe.Compiled)
    return SHARED_ROOT


@pytest.fixture(scope="module")
def cold_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root of a cache in which is what tests of this module compile into it."""
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def start(warm_root: Path) -> Iterator[Callable[..., Child]]:
    """Yield what starts children, which end with the test."""
    children: list[Child] = []

    def start_child(*arguments: str) -> Child:
        children.append(Child("--cache", str(warm_root), *arguments))
        return children[-1]

    yield start_child

    for child in children:
        with suppress(BrokenPipeError), child.process:
            child.process.kill()


def test_a_child_reports_every_hit_of_its_unit_and_ends(start: Callable[..., Child]) -> None:
    unit = unit_of(of_pattern("1Ab"), steps=1)
    child = start()

    child.tell(UnitMessage.for_unit(unit, nice=5))
    events = list(child.events())

    hits = [event.hit() for event in events if isinstance(event, Found)]
    assert set(hits) == reference.hits(unit)
    assert events[-1] == Done(keys=keys_of(1, plain=False), next_step=1)
    assert child.exit_status() == 0


def test_a_resumed_unit_counts_only_its_own_keys(start: Callable[..., Child]) -> None:
    child = start()

    child.tell(UnitMessage.for_unit(unit_of(NOTHING, steps=5), first_step=3))

    assert child.until(Done) == Done(keys=keys_of(2, plain=False), next_step=5)


def test_a_child_says_up_to_which_step_its_unit_is_done_and_all_its_hits_reported(start: Callable[..., Child]) -> None:
    unit = unit_of(of_pattern("1Lo"), steps=2048)
    child, first_step, hits = start(), 7, set()

    child.tell(UnitMessage.for_unit(unit, first_step=first_step))
    for event in child.events():
        if isinstance(event, Found):
            hits.add(event.hit())
        if isinstance(event, Progress):
            break
    assert isinstance(event, Progress)
    child.hang_up()

    assert event.keys == keys_of(event.next_step - first_step, plain=False)
    resumed = start()
    resumed.tell(UnitMessage.for_unit(replace(unit, steps=event.next_step), first_step=first_step))
    assert hits == {found.hit() for found in resumed.events() if isinstance(found, Found)}


def test_a_stopped_child_says_how_far_it_came(start: Callable[..., Child]) -> None:
    child = start()
    child.tell(UnitMessage.for_unit(unit_of(NOTHING, ENDLESS)))
    child.until(Progress)

    child.tell(Command(do=Order.STOP))
    done = child.until(Done)

    assert isinstance(done, Done)
    assert 0 < done.keys == keys_of(done.next_step, plain=False)
    assert child.exit_status() == 0


def test_a_child_ends_when_its_parent_does(start: Callable[..., Child]) -> None:
    child = start()
    child.tell(UnitMessage.for_unit(unit_of(NOTHING, ENDLESS)))
    child.until(Started)

    child.hang_up()

    assert child.exit_status() == 0


def test_a_child_to_which_nobody_listens_ends(start: Callable[..., Child]) -> None:
    child = start()
    child.tell(UnitMessage.for_unit(unit_of(NOTHING, ENDLESS)))
    child.until(Started)

    assert child.process.stdout is not None
    child.process.stdout.close()

    assert child.exit_status() == 1


def test_a_child_that_checks_a_flood_of_hits_stops_at_once(start: Callable[..., Child]) -> None:
    child = start()
    child.tell(UnitMessage.for_unit(unit_of(of_pattern("1"), ENDLESS)))
    hit = child.until(Found)
    assert isinstance(hit, Found)

    child.tell(Command(do=Order.STOP))

    assert child.until(Done) == Done(keys=0, next_step=0)
    split_key.check(unit_of(NOTHING, 1).public_key, hit.hit(), of_pattern("1").match)


def test_a_paused_child_goes_on_when_resumed(start: Callable[..., Child]) -> None:
    child = start()
    child.tell(UnitMessage.for_unit(unit_of(NOTHING, ENDLESS)))
    child.until(Started)

    child.tell(Command(do=Order.PAUSE))
    child.tell(Command(do=Order.RESUME))

    assert isinstance(child.until(Progress), Progress)


def test_a_paused_child_stops_when_told(start: Callable[..., Child]) -> None:
    child = start()
    child.tell(UnitMessage.for_unit(unit_of(NOTHING, ENDLESS)))
    child.until(Started)

    child.tell(Command(do=Order.PAUSE))
    child.tell(Command(do=Order.STOP))

    assert child.exit_status() == 0


def cpu_s_of_a_while(child: Child, while_s: float) -> tuple[float, float]:
    """Return the CPU seconds that a child that does not end has used in a while, and how long that was."""
    process = psutil.Process(child.process.pid)
    before, started_s = process.cpu_times(), time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        child.process.wait(while_s)
    after = process.cpu_times()
    return after.user + after.system - before.user - before.system, time.monotonic() - started_s


def most_bytes_of(child: Child) -> int:
    """Return how much memory a child that runs has had at most."""
    status = Path(f"/proc/{child.process.pid}/status").read_text(encoding="ascii")
    (kib,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kib) * 1024


def test_a_paused_child_uses_no_processor(start: Callable[..., Child]) -> None:
    child = start()
    child.tell(UnitMessage.for_unit(unit_of(NOTHING, ENDLESS)))
    child.until(Progress)

    searching_cpu_s, _ = cpu_s_of_a_while(child, 1.5)
    child.tell(Command(do=Order.PAUSE))
    last_cpu_s, _ = cpu_s_of_a_while(child, 0.75)
    paused_cpu_s, _ = cpu_s_of_a_while(child, 1.5)

    assert paused_cpu_s < 0.05 * searching_cpu_s
    assert last_cpu_s < 0.5, "after the order it searches on for half a second at most"


def test_a_child_says_how_far_it_is_and_obeys_within_half_a_second_of_searching(start: Callable[..., Child]) -> None:
    child = start()
    child.tell(UnitMessage.for_unit(unit_of(NOTHING, ENDLESS)))
    child.until(Progress)
    process, told_s = psutil.Process(child.process.pid), []

    for _ in range(6):
        child.until(Progress)
        told_s.append(sum(process.cpu_times()[:2]))
    child.tell(Command(do=Order.STOP))
    before_s = time.monotonic()
    child.until(Done)

    assert median(later - earlier for earlier, later in pairwise(told_s)) < 0.75  # its clock ticks in hundredths
    assert time.monotonic() - before_s < 5 * 0.5


@pytest.mark.skipif(sys.platform != "linux", reason="the most memory that a process had is read where Linux tells it")
def test_a_search_whose_kernel_is_in_the_cache_begins_soon_and_stays_small(start: Callable[..., Child]) -> None:
    unit = UnitMessage.for_unit(unit_of(of_pattern("1Love"), ENDLESS))
    child = start()

    child.tell(unit)
    assert isinstance(next(child.events()), Started), "there is nothing to compile"
    cpu_s = sum(psutil.Process(child.process.pid).cpu_times()[:2])
    for _ in range(3):
        child.until(Progress)

    assert cpu_s < 5  # to compile takes twice as much and more; a busy machine counts more than an idle one
    assert most_bytes_of(child) < 200e6


def test_a_child_with_a_share_of_a_processor_uses_no_more(start: Callable[..., Child]) -> None:
    child = start()
    child.tell(UnitMessage.for_unit(unit_of(NOTHING, ENDLESS)).model_copy(update={"share": 0.2}))
    child.until(Progress)

    cpu_s, elapsed_s = cpu_s_of_a_while(child, 5)

    assert 0 < cpu_s < 0.3 * elapsed_s


def test_a_child_that_rests_stops_at_once(start: Callable[..., Child]) -> None:
    child = start()
    child.tell(UnitMessage.for_unit(unit_of(NOTHING, ENDLESS)).model_copy(update={"share": 0.01}))
    child.until(Progress)

    child.tell(Command(do=Order.STOP))
    started_s = time.monotonic()
    child.until(Done)

    assert time.monotonic() - started_s < 5  # a rest takes twenty seconds


def test_a_child_without_a_unit_ends(start: Callable[..., Child]) -> None:
    child = start()

    child.hang_up()

    assert list(child.events()) == []
    assert child.exit_status() == 0


def test_a_bad_unit_ends_the_child_with_a_reason(start: Callable[..., Child]) -> None:
    child = start()

    child.write(b'{"batch": "no"}\n')

    failed = child.until(Failed)
    assert isinstance(failed, Failed)
    assert failed.code == "invalid-field"
    assert failed.text == "targets: Field required"
    assert child.exit_status() == 1


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"number": 2**63}, "invalid-field", "number: Input should be less than 9223372036854775808"),
        ({"number": -1}, "invalid-field", "number: Input should be greater than or equal to 0"),
        ({"steps": 2**32 + 1}, "invalid-field", "steps: Input should be less than or equal to 4294967296"),
        ({"first_step": 3}, "invalid-field", "first_step: 3 is beyond the unit's 3 steps"),
        ({"public_key": "02" + f"{5:064x}"}, "bad-public-key", "not on the curve"),
        ({"targets": BACKWARDS}, "invalid-field", "not ascending ranges"),
        ({"private_key": "1"}, "invalid-field", "private_key: Extra inputs are not permitted"),
    ],
)
def test_a_unit_that_cannot_be_is_refused_with_a_sentence_and_a_code(
    tmp_path: Path, changes: dict[str, object], code: str, text: str
) -> None:
    message = json.loads(pipe.render(UnitMessage.for_unit(unit_of(NOTHING, steps=3)))) | changes
    said = BytesIO()

    status = run(BytesIO(json.dumps(message).encode() + b"\n"), said, tmp_path, None)

    failed = pipe.parse_event(said.getvalue())
    assert isinstance(failed, Failed)
    assert failed.code == code
    assert text in failed.text
    assert status == 1


def test_a_unit_whose_key_is_no_secret_is_refused_with_a_code(start: Callable[..., Child]) -> None:
    unit = unit_of(NOTHING, steps=1)
    public_key = multiply(G, N - offset(unit.batch, unit.number, 3, 0, 0))
    assert public_key is not None
    child = start()

    child.tell(UnitMessage.for_unit(replace(unit, public_key=public_key)))

    failed = child.until(Failed)
    assert isinstance(failed, Failed)
    assert failed.code == "bad-public-key"
    assert "known multiple of the generator" in failed.text
    assert child.exit_status() == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [(b"{", "bad-request"), (b"\xff\n", "bad-request"), (b"x" * (pipe.MAX_LINE_BYTES + 1), "too-large")],
)
def test_a_garbled_unit_is_refused_with_a_code(tmp_path: Path, line: bytes, code: str) -> None:
    said = BytesIO()

    status = run(BytesIO(line), said, tmp_path, None)

    failed = pipe.parse_event(said.getvalue())
    assert isinstance(failed, Failed)
    assert (failed.code, status) == (code, 1)


def test_a_bad_command_ends_the_child_with_a_reason(start: Callable[..., Child]) -> None:
    child = start()
    child.tell(UnitMessage.for_unit(unit_of(NOTHING, ENDLESS)))

    child.write(b'{"do":"dance"}\n')

    failed = child.until(Failed)
    assert isinstance(failed, Failed)
    assert failed.code == "invalid-field"
    assert child.exit_status() == 1


def test_of_children_that_miss_a_kernel_one_compiles_it_and_ends_and_the_others_wait_and_search(
    start: Callable[..., Child], cold_root: Path
) -> None:
    children = [start("--cache", str(cold_root), "--kernel", "field26x4-hash8") for _ in range(3)]
    for child in children:
        child.tell(UnitMessage.for_unit(unit_of(NOTHING, 1)))

    said = sorted((list(child.events()) for child in children), key=lambda events: isinstance(events[-1], Done))

    assert said[0] == [pipe.Compiling(), pipe.Compiled(kernel="field26x4-hash8")]
    others = [type(event) for events in said[1:] for event in events]
    assert [kind for kind in others if kind is not pipe.Compiling] == 2 * [Started, Done]
    assert [child.exit_status() for child in children] == [0, 0, 0]


def test_a_compiling_child_says_which_kernel_it_compiled_and_ends(start: Callable[..., Child], cold_root: Path) -> None:
    child = start("--cache", str(cold_root), "--compile", "--kernel", "field26x4-hash8")

    compiled = child.until(pipe.Compiled)
    assert isinstance(compiled, pipe.Compiled)
    assert compiled.kernel == "field26x4-hash8"
    assert compiled.keys_per_s > 0
    assert child.exit_status() == 0


def test_an_unknown_kernel_is_refused(start: Callable[..., Child]) -> None:
    child = start("--compile", "--kernel", "none")

    failed = child.until(Failed)

    assert isinstance(failed, Failed)
    assert failed.code == "invalid-field"
    assert child.exit_status() == 1


def test_a_cache_that_cannot_be_written_is_reported(start: Callable[..., Child], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    child = start("--cache", str(tmp_path / "file"), "--compile")

    failed = child.until(Failed)

    assert isinstance(failed, Failed)
    assert failed.code == "kernel-cache"
    assert child.exit_status() == 1
