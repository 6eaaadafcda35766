"""The worker against a real dispatcher, over real TLS, with the real sandbox and the real kernel."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from tests.support.grid import a_grid
from tests.support.namespaces import needs_namespaces
from tests.support.targets import of_pattern
from tests.support.workers import (
    ROOT,
    a_daemon,
    a_worker,
    a_worker_process,
    ended_job,
    enrol,
    eventually,
    output,
    put,
    register_script,
    submit,
)
from worker.status import read_status
from xwhep.client.owner import OwnerClient
from xwhep.errors.identity import RevokedError
from xwhep.errors.machines import AlreadyRunningError
from xwhep.lifecycle import AttemptStatus, BatchStatus, Status
from xwhep.pki.identity import load_identity
from xwhep.protocol.batches import BatchView
from xwhep.protocol.jobs import Input
from xwhep.protocol.members import HostView
from xwhep.vanity.messages import SearchingHost, SearchView, SubmitSearch
from xwhep.vanity.split_key import combine, keygen
from xwhep.world import REAL

GREETING = "#!/bin/sh\ncat data/in.txt\necho $1 >&2\nmkdir -p out/sub && echo left > out/sub/file\n"
#: runs until the file that nobody makes is there: longer than any test
ENDLESS = "#!/bin/sh\nwhile :; do sleep 0.1; done\n"
#: one key in 1.3 thousand, so the first unit finds it; and one that this machine would need hours for
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
EASY, HARD = "1Lo", "1LoVELoVE"


async def start_search(owner: OwnerClient, pattern: str) -> tuple[UUID, int]:
    """Submit a search; return its id and the requester's secret."""
    secret, public_key = keygen()
    uid = REAL.new_uid()
    await owner.submit_batch(SubmitSearch(uid=uid, name="search", patterns=[pattern], public_key=public_key.hex()))
    return uid, secret


async def ended_batch(owner: OwnerClient, uid: UUID) -> BatchView:
    async def has_ended() -> bool:
        return (await owner.batch(uid)).ended_at is not None

    await eventually(has_ended)
    return await owner.batch(uid)


def search_of(batch: BatchView) -> SearchView:
    return SearchView.model_validate(batch.details)


def credit_of(host: HostView) -> SearchingHost:
    """Return the credit of a host, which has none before its first poll."""
    nothing = {"keys_per_s": 0, "shares": 0, "keys_proven": 0}
    return SearchingHost.model_validate(host.kinds.get("vanity", nothing))


@needs_namespaces
async def test_a_native_job_is_run_and_its_outputs_come_back(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        app = await register_script(alice, tmp_path, GREETING)
        digest = await put(alice, tmp_path, b"hello\n")
        uid = await submit(alice, app, "to stderr", inputs=[Input(digest=digest, path="data/in.txt")])

        async with a_worker(await enrol(grid, tmp_path / "bob"), "native"):
            job = await ended_job(alice, uid)

        assert job.status is Status.COMPLETED
        assert await output(alice, job, "stdout", tmp_path) == b"hello\n"
        assert await output(alice, job, "stderr", tmp_path) == b"to stderr\n"
        assert await output(alice, job, "out/sub/file", tmp_path) == b"left\n"
        assert list((tmp_path / "bob" / "worker" / "attempts").iterdir()) == []


@needs_namespaces
async def test_a_job_that_fails_says_how(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        uid = await submit(alice, await register_script(alice, tmp_path, "#!/bin/sh\nexit 3\n"))

        async with a_worker(await enrol(grid, tmp_path / "bob"), "native"):
            job = await ended_job(alice, uid)

        assert job.status is Status.FAILED
        assert job.attempts[0].exit_status == 3


async def test_a_search_ends_with_the_requesters_address(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        uid, secret = await start_search(alice, EASY)

        async with a_worker(await enrol(grid, tmp_path / "bob"), "vanity"):
            batch = await ended_batch(alice, uid)

        assert batch.status is BatchStatus.COMPLETED
        result = search_of(batch).result
        assert result is not None
        assert combine(secret, result.hit(), of_pattern(EASY).match)


async def test_a_real_worker_is_credited_with_about_the_keys_that_it_tried(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.connect(grid.administrator()) as admin:
        uid, _ = await start_search(alice, HARD)
        folders = await enrol(grid, tmp_path / "bob")

        async def has_enough() -> bool:
            (host,) = [host async for host in OwnerClient(admin).hosts()]
            return credit_of(host).shares >= 12

        async def is_told() -> bool:
            status = read_status(folders.status)
            return status is not None and bool(status.kinds["vanity"].get("keys_proven"))

        async with a_worker(folders, "vanity"):
            await eventually(has_enough)
            await eventually(is_told)
        (host,) = [host async for host in OwnerClient(admin).hosts()]
        search = search_of(await alice.batch(uid))

    assert search.result is None
    assert host.false_results == 0
    proven = credit_of(host).keys_proven
    assert search.keys_tried / 5 < proven < search.keys_tried * 5  # by chance once in 100,000 times


async def test_the_log_of_a_run_that_found_what_was_searched_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "worker")
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        await start_search(alice, EASY)

        async def is_told() -> bool:
            return "its job has ended with a report from here" in caplog.text

        async with a_worker(await enrol(grid, tmp_path / "bob"), "vanity"):
            await eventually(is_told)

    assert "the worker was stopped" not in caplog.text


async def test_a_worker_that_stops_gives_its_job_back_at_once(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        uid, _ = await start_search(alice, HARD)
        folders = await enrol(grid, tmp_path / "bob")

        async def runs() -> bool:
            status = read_status(folders.status)
            return status is not None and len(status.running) == 1

        async with a_worker(folders, "vanity"):
            await eventually(runs)
            status = read_status(folders.status)
            assert status is not None
            unit = status.running[0].job_uid

        job = await alice.job(unit)
        assert job.batch_uid == uid
        assert job.attempts[0].status is AttemptStatus.LOST
        assert job.attempts[0].reason == "the worker was stopped"
        assert read_status(folders.status) is None


async def test_a_paused_worker_uses_no_processor_and_goes_on_with_its_unit(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        await start_search(alice, HARD)
        folders = await enrol(grid, tmp_path / "bob")

        def tried() -> int:
            status = read_status(folders.status)
            return sum(run.amount for run in status.running) if status is not None else 0

        async def moves() -> bool:
            return tried() > 0

        async def rests() -> bool:
            status = read_status(folders.status)
            return status is not None and status.paused

        async with a_worker(folders, "vanity"):
            await eventually(moves)
            folders.paused.touch()
            await eventually(rests)
            children = psutil.Process().children(recursive=True)
            before = [child.cpu_times().user for child in children]
            ended, _ = await asyncio.to_thread(psutil.wait_procs, children, 2)
            after = [child.cpu_times().user for child in children]
            held = tried()
            folders.paused.unlink()

            async def goes_on() -> bool:
                status = read_status(folders.status)
                return status is not None and not status.paused and tried() != held

            await eventually(goes_on)

    assert children
    assert ended == []
    assert sum(after) - sum(before) < 1  # a slice that had begun, and not two seconds


@needs_namespaces
async def test_results_are_kept_while_the_dispatcher_is_away(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        folders, port = await enrol(grid, tmp_path / "bob"), grid.dispatcher.port
        uid = await submit(alice, await register_script(alice, tmp_path, "#!/bin/sh\nsleep 3\necho done\n"))
        worker = a_worker(folders, "native")
        await worker.__aenter__()

        async def is_running() -> bool:
            return (await alice.job(uid)).status is Status.RUNNING

        await eventually(is_running)

    async def is_kept() -> bool:
        return bool(await asyncio.to_thread(lambda: list(folders.attempts.glob("*/end.json"))))

    await eventually(is_kept)

    async with a_grid(tmp_path, port=port) as grid, grid.connect(grid.administrator()) as connection:
        job = await ended_job(OwnerClient(connection), uid)
        await worker.__aexit__(None, None, None)

    assert job.status is Status.COMPLETED
    assert len(job.attempts) == 1


@needs_namespaces
async def test_what_goes_wrong_on_a_disk_is_told_without_the_volunteers_folders(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        folders = await enrol(grid, tmp_path / "bob")
        app = await register_script(alice, tmp_path, GREETING)
        digest = await put(alice, tmp_path, b"hello\n")
        (folders.cache / digest).mkdir(parents=True)  # so that the input cannot be read
        uid = await submit(alice, app, inputs=[Input(digest=digest, path="data/in.txt")])

        async def is_lost() -> bool:
            attempts = (await alice.job(uid)).attempts
            return bool(attempts) and attempts[0].status is AttemptStatus.LOST

        async with a_worker(folders, "native"):
            await eventually(is_lost)

        assert (await alice.job(uid)).attempts[0].reason == "the machine could not do it: Is a directory"


async def test_what_goes_wrong_in_a_search_is_told_without_the_volunteers_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        uid, _ = await start_search(alice, HARD)

        async def is_lost() -> bool:
            return bool([job async for job in alice.jobs(status=Status.ERROR, batch_uid=uid)])

        async with a_worker(await enrol(grid, tmp_path / "bob"), "vanity"):
            await eventually(is_lost)
            # Now, because the stop of the worker ends one more unit, for a reason of its own.
            (summary, *_) = [job async for job in alice.jobs(status=Status.ERROR, batch_uid=uid)]
            job = await alice.job(summary.uid)

    assert job.attempts[0].reason == "the machine could not do it (search-failed): its own log says why"
    assert str(tmp_path / "nowhere") in caplog.text


async def test_a_signal_ends_the_process_in_good_order(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        await start_search(alice, HARD)
        folders = await enrol(grid, tmp_path / "bob")

        async def is_leased() -> bool:
            return bool(await asyncio.to_thread(lambda: list(folders.attempts.glob("*/lease.json"))))

        async with a_worker_process(tmp_path / "bob", "--slots", "2") as process:
            await eventually(is_leased)
            process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            said = (await process.stderr.read()).decode()
            assert await process.wait() == 0

        assert "stopping and giving back what runs" in said
        assert "stopped; 0 results are kept" in said
        assert list(folders.attempts.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has loaded is read where Linux tells it")
async def test_a_worker_that_searches_has_the_compiler_in_its_child_alone(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        await start_search(alice, HARD)
        folders = await enrol(grid, tmp_path / "bob")

        async def searches() -> bool:
            status = read_status(folders.status)
            return status is not None and any(run.amount for run in status.running)

        async with a_worker_process(tmp_path / "bob", "--slots", "1") as process:
            await eventually(searches)
            worker = psutil.Process(process.pid)
            loaded = [has_compiler(one) for one in [worker, *worker.children()]]

    assert loaded == [False, True]


def has_compiler(process: psutil.Process) -> bool:
    return any("llvmlite" in mapped.path for mapped in process.memory_maps())


async def test_a_worker_that_is_stopped_while_it_compiles_leaves_no_process(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        await enrol(grid, tmp_path / "bob")
        (tmp_path / "bob" / "cache" / "kernels").mkdir(parents=True)  # empty, so that there is something to compile

        async with a_worker_process(tmp_path / "bob") as process:

            def is_compiler(child: psutil.Process) -> bool:
                with contextlib.suppress(psutil.NoSuchProcess):  # also one that has ended and was not waited for yet
                    return "worker.vanity" in child.cmdline()
                return False

            def compilers() -> list[psutil.Process]:
                children = psutil.Process(process.pid).children(recursive=True)
                return [child for child in children if is_compiler(child)]

            async def compiles() -> bool:
                return bool(await asyncio.to_thread(compilers))

            await eventually(compiles)
            found = compilers()
            process.send_signal(signal.SIGTERM)
            status = await process.wait()

        assert status == 0
        assert not [child for child in found if child.is_running()]


async def test_a_second_worker_with_the_same_home_is_refused(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        folders = await enrol(grid, tmp_path / "bob")

        async def is_up() -> bool:
            return read_status(folders.status) is not None

        async with a_worker_process(tmp_path / "bob"):
            await eventually(is_up)
            async with a_worker_process(tmp_path / "bob") as second:
                assert second.stderr is not None
                said = (await second.stderr.read()).decode()
                assert await second.wait() == 1

        assert "a worker is running with" in said
        assert "Traceback" not in said
        assert AlreadyRunningError.code in said


async def test_a_revoked_worker_ends_with_that_sentence(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.connect(grid.administrator()) as connection:
        folders = await enrol(grid, tmp_path / "bob")
        uid = load_identity(folders.identity, "join").member.uid
        await OwnerClient(connection).revoke_host(uid)

        with pytest.raises(RevokedError, match="this certificate was revoked"):
            await a_daemon(folders, "vanity").run()


def test_the_daemon_never_imports_numba() -> None:
    code = "import sys, worker.commands.run; print(sorted({'numba', 'numpy', 'llvmlite', 'web3'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], env=ENVIRONMENT, capture_output=True, check=True)

    assert done.stdout.strip() == b"[]"
