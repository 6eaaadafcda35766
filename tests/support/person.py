"""A person at a terminal, and a volunteer who works by hand: what command lines are tested with."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result

from tests.support.desk import poll_request
from tests.support.grid import GridUnderTest
from tests.support.kinds import AnyLease
from tests.support.leases import first_hit
from tests.support.older_host import OlderHost
from xwhep.cli.program import program
from xwhep.client.enrolment import join
from xwhep.members import Kind as MemberKind
from xwhep.protocol.attempts import FinishAttempt, Outcome
from xwhep.protocol.jobs import Output
from xwhep.protocol.native import NativeWork
from xwhep.rights import Role
from xwhep.vanity.addresses import Form
from xwhep.vanity.messages import VanityWork


@dataclass(slots=True)
class Person:
    """Types commands; has a home folder of her own."""

    home: Path

    def types(self, *words: object, stdin: str | None = None) -> Result:
        """Return what a command printed and how it ended."""
        environment = {"XWHEP_HOME": str(self.home)}
        return CliRunner(env=environment).invoke(program, [str(word) for word in words], input=stdin)

    async def does(self, *words: object, stdin: str | None = None) -> Result:
        """Type a command while the dispatcher serves in this event loop."""
        return await asyncio.to_thread(self.types, *words, stdin=stdin)

    async def gets(self, *words: object) -> Any:
        """Return the JSON document of a command that must succeed."""
        result = await self.does(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


async def logged_in(grid: GridUnderTest, home: Path) -> Person:
    """Return a person who is a user of the grid."""
    await join(grid.url, await grid.token(Role.USER), MemberKind.USER, "alice", home / "user")
    return Person(home)


async def work_once(host: OlderHost, folder: Path, *, exit_status: int = 0) -> None:
    """Take one lease and finish it: a native job echoes its arguments, a search is searched on Python integers."""
    lease = await host.lease(poll_request(forms=frozenset(Form), wait_s=20))
    assert lease is not None
    if isinstance(lease.work, VanityWork):
        await host.report(lease.job_uid, lease.attempt, first_hit(lease.work))
        return
    failed = Outcome.FAILED if exit_status else Outcome.FINISHED
    outputs = [await _send(host, lease, folder, name, content) for name, content in _echo(lease.work)]
    end = FinishAttempt(outcome=failed, exit_status=exit_status, outputs=[] if exit_status else outputs)
    await host.finish(lease.job_uid, lease.attempt, end)


def _echo(work: NativeWork) -> Iterator[tuple[str, bytes]]:
    yield "stdout", " ".join(work.arguments).encode() + b"\x1b[31m\n"
    yield "stderr", b""
    yield "out/environment.txt", repr(sorted(work.environment.items())).encode()


async def _send(host: OlderHost, lease: AnyLease, folder: Path, name: str, content: bytes) -> Output:
    output = Output(name=name, digest=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    file = folder / output.digest
    file.write_bytes(content)
    await host.store(lease.job_uid, lease.attempt, output, file)
    return output


def every_command(group: click.Group = program, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return each command with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), command
