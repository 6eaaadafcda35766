"""A kind of app that is not built in, as docs/how-to/add-a-kind.md writes it, from a command to its result.

Dispatcher and worker are processes that find the page's own blocks on their PYTHONPATH; nothing else knows the kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.grid import a_grid
from tests.support.lab.messages import PrimesWork, ReportPrime
from tests.support.lab_grid import FILES, PATIENCE_S, ROOT, Lab, a_lab
from tests.support.older_host import OlderHost
from xwhep.client.owner import OwnerClient
from xwhep.errors.jobs import FalseResultError
from xwhep.errors.requests import InvalidFieldError
from xwhep.lifecycle import AttemptStatus, Status
from xwhep.protocol.apps import RegisterApp, Target
from xwhep.protocol.attempts import PROTOCOL, FinishAttempt, LeaseRequest, Outcome
from xwhep.protocol.base import Cpu, Os
from xwhep.protocol.jobs import SubmitJob, SubmitJobs
from xwhep.rights import Role
from xwhep.world import REAL

#: farther than any test counts
ENDLESS: Final = "999999999"
KINDS: Final = ("native", "tests.support.lab.on_dispatcher")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Return a grid that is installed, with a host that has joined once the dispatcher serves."""
    lab = a_lab(tmp_path)
    yield lab
    lab.close()


def test_the_blocks_of_the_page_are_the_modules_that_are_checked() -> None:
    modules = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests/support/lab").glob("[!_]*.py")}

    assert {name: FILES[f"lab/{name}"] for name in modules} == {
        name: text.replace("tests.support.lab", "lab") for name, text in modules.items()
    }


@pytest.mark.timeout(300)
def test_a_third_kind_runs_from_the_command_to_the_result(lab: Lab) -> None:
    lab.serve()
    lab.work()

    lab.typed("apps", "register", str(lab.folder / "app.toml"))
    job = json.loads(lab.typed("jobs", "submit", "primes", "5000", "--wait", "--json"))
    shown = lab.typed("jobs", "show", job["uid"])
    counted = lab.typed("jobs", "output", job["uid"])
    failed = lab.developer.types("jobs", "submit", "primes", "many", "--wait", "--json")

    assert counted == "669\n"
    assert (job["status"], job["arguments"]) == ("completed", ["5000"])
    assert re.search(r"^1 +finished +100\.0 % +- ", shown, re.MULTILINE), shown
    assert re.search(r"^4 B +stdout$", shown, re.MULTILINE), shown
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["attempts"][0]["reason"] == "the argument must be a number below 1000000000"


@pytest.mark.timeout(300)
def test_people_see_how_far_a_run_of_a_third_kind_is(lab: Lab) -> None:
    lab.serve()
    lab.work()
    lab.typed("apps", "register", str(lab.folder / "app.toml"))
    uid = json.loads(lab.typed("jobs", "submit", "primes", ENDLESS, "--json"))["uid"]

    status = lab.sees(lambda: lab.types("volunteer", "status").stdout, "last prime accepted")
    shown = lab.sees(lambda: lab.typed("jobs", "show", uid), "<0.1 %")
    (host,) = json.loads(lab.typed("hosts", "list", "--json"))

    assert re.search(rf"^  primes +job {uid}, attempt 1 <0\.1 %, [\d.]+ k? ?numbers$", status, re.MULTILINE), status
    assert re.search(r"^primes: last prime accepted +\d+$", status, re.MULTILINE), status
    assert re.search(r"^arguments +999999999$", shown, re.MULTILINE), shown
    assert (host["name"], host["false_results"], host["kinds"]) == ("bob", 0, {})
    assert "platform" in lab.typed("hosts", "show", host["uid"])


@pytest.mark.timeout(300)
def test_what_is_left_of_a_kind_that_was_unloaded_waits_and_can_be_cancelled(lab: Lab) -> None:
    served = lab.serve()
    volunteer = lab.work()
    app_toml = str(lab.folder / "app.toml")
    lab.typed("apps", "register", app_toml)
    running, waiting = (json.loads(lab.typed("jobs", "submit", "primes", ENDLESS, "--json"))["uid"] for _ in range(2))
    volunteer.wait_for(f"job {running}, attempt 1: started", PATIENCE_S)
    lab.stop(served)

    less = lab.start("operator", ["native"], "Serving on port")
    newer = lab.folder / "newer.toml"
    newer.write_text(Path(app_toml).read_text().replace('"1"', '"2"'))
    volunteer.wait_for("the dispatcher is there again", PATIENCE_S)
    volunteer.wait_for(
        "a report was refused: reports.0.report: this grid runs no kind of app whose attempts report", PATIENCE_S
    )
    shown = lab.typed("jobs", "show", waiting)
    refusals = [lab.refusal("apps", "register", str(newer)), lab.refusal("jobs", "submit", "primes", "7")]
    cancelled = [lab.typed("jobs", "cancel", uid) for uid in (running, waiting)]
    volunteer.wait_for(f"job {running}, attempt 1: lost", PATIENCE_S)
    lab.stop(volunteer)
    lab.stop(less)

    assert "this grid runs no more jobs of kind primes" in shown
    assert {*refusals} == {(1, "xwhep: kind: this grid runs no apps of kind primes; it runs: native (invalid-field)\n")}
    assert cancelled == [f"{running} cancelled\n", f"{waiting} cancelled\n"]
    assert "Traceback" not in less.log.read_text() + volunteer.log.read_text()


def test_a_kind_in_a_configuration_that_cannot_be_loaded_is_one_sentence(lab: Lab) -> None:
    for_the_dispatcher = lab.refused_start("operator", ["native", "lab.nowhere"])
    identity = lab.home("volunteer") / "worker" / "identity"
    identity.parent.mkdir(parents=True)
    (lab.home("operator") / "user").rename(identity)  # a worker reads its identity first, whoever's it is
    for_the_worker = lab.refused_start("volunteer", ["native", "lab.on_dispatcher"])

    assert for_the_dispatcher.startswith(
        "xwhep-dispatcher: configuration key dispatcher.kinds: lab.nowhere cannot be loaded (No module named"
        " 'lab.nowhere'); look at "
    )
    assert for_the_worker.startswith(
        "xwhep-worker: configuration key worker.kinds: lab.on_dispatcher has no attribute KIND that is a class of"
    )


async def test_only_hosts_with_the_feature_get_jobs_and_a_false_report_is_on_the_record(tmp_path: Path) -> None:
    async with a_grid(tmp_path, kinds=KINDS) as grid, grid.owner("alice") as alice:
        async with grid.connect(await grid.member(Role.HOST, "bob")) as connection:
            host = OlderHost(connection, PrimesWork)
            app = await alice.register_app(RegisterApp(uid=REAL.new_uid(), name="primes", version="1", kind="primes"))
            job = SubmitJob(uid=REAL.new_uid(), app_uid=app.uid, arguments=["9"])
            await alice.submit_jobs(SubmitJobs(jobs=[job]))

            narrow = await host.lease(poll(primes={"bits": 32}))
            elsewhere = await host.lease(poll(weave={"yards": 7}))
            with pytest.raises(InvalidFieldError, match=r"kinds\.primes\.bits"):
                await host.lease(poll(primes={"bits": 0}))
            lease = await host.lease(poll(primes={"bits": 64}))
            assert lease is not None
            accepted = await host.report(lease.job_uid, lease.attempt, ReportPrime(prime=5, fraction=0.5))
            await host.report(lease.job_uid, lease.attempt, ReportPrime(prime=7))
            half = (await alice.job(job.uid)).attempts[0].fraction
            with pytest.raises(FalseResultError, match="9 is not a prime"):
                await host.report(lease.job_uid, lease.attempt, ReportPrime(prime=9))
        shown = await alice.job(job.uid)

    assert (narrow, elsewhere) == (None, None)
    assert lease.work == PrimesWork(arguments=["9"])
    assert (accepted.status, accepted.details) == (AttemptStatus.LEASED, {"accepted": 5})
    assert half == 0.5, "a report that does not say how far the run is changes nothing of that"
    assert (shown.status, shown.attempts[0].status) == (Status.PENDING, AttemptStatus.LOST)
    assert shown.attempts[0].reason == "the result was refused: 9 is not a prime"


async def test_a_run_that_outlives_its_kind_still_ends(tmp_path: Path) -> None:
    async with a_grid(tmp_path, kinds=KINDS) as grid:
        alice, bob = await grid.member(Role.USER, "alice"), await grid.member(Role.HOST, "bob")
        async with grid.connect(alice) as owners, grid.connect(bob) as hosts:
            owner = OwnerClient(owners)
            app = await owner.register_app(RegisterApp(uid=REAL.new_uid(), name="primes", version="1", kind="primes"))
            job = SubmitJob(uid=REAL.new_uid(), app_uid=app.uid, arguments=["9"])
            await owner.submit_jobs(SubmitJobs(jobs=[job]))
            lease = await OlderHost(hosts, PrimesWork).lease(poll(primes={"bits": 64}))
    assert lease is not None

    async with a_grid(tmp_path, kinds=["native"]) as grid, grid.connect(bob) as hosts, grid.connect(alice) as owners:
        end = FinishAttempt(outcome=Outcome.FINISHED)
        await OlderHost(hosts, PrimesWork).finish(lease.job_uid, lease.attempt, end)
        shown = await OwnerClient(owners).job(job.uid)

    assert shown.status is Status.COMPLETED


async def test_the_kind_says_what_an_app_of_it_may_state(tmp_path: Path) -> None:
    target = Target(os=Os.LINUX, cpu=Cpu.ANY, blob="0" * 64, entry="run.sh")
    async with a_grid(tmp_path, kinds=KINDS) as grid, grid.owner("alice") as alice:
        uid = REAL.new_uid()
        with pytest.raises(InvalidFieldError, match="targets: an app of kind primes has no program"):
            await alice.register_app(RegisterApp(uid=uid, name="p", version="1", kind="primes", targets=[target]))


def poll(**kinds: dict[str, Any]) -> LeaseRequest:
    return LeaseRequest(protocol=PROTOCOL, os=Os.LINUX, cpu=Cpu.X86_64, kinds=kinds, wait_s=0)
