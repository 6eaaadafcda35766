"""Rounds of kills: each begins with the same empty grid and ends with a check of all that happened."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from dispatcher.installation import install
from tests.bench.dispatcher_grid import populate
from tests.crash.checker import violations
from tests.crash.fuse import Deed, Point, choose
from tests.crash.history import Finish, History, Record, Request, Submit, given, parts_of
from tests.crash.hosts import ExchangingHost, OlderHost
from tests.crash.load import Client, Life, User
from tests.crash.rows import read
from tests.crash.victims import Victim, Zygote
from tests.crash.violation import Violation
from xwhep.pki.contexts import client_context
from xwhep.pki.identity import Identity

#: kills of one round: `make test` plays one round
ROUND: Final = 12
#: connections of the user, hosts, and connections of each host: 64 in all
USERS, HOSTS, OF_EACH_HOST = 16, 16, 3
#: of these, the ones that make the requests of older workers
OLDER_OF_EACH_HOST: Final = 1
#: seconds after which a dispatcher is killed that has not come to its point; much shorter than a lease
LIFE_S: Final = 20.0
#: seconds that the last dispatcher of a round has; less than a lease
LAST_S: Final = 50.0
#: seconds until clients know that the dispatcher is gone
FAREWELL_S: Final = 5.0
#: answered requests that are sent again in the end
REPEATED: Final = 200
#: violations that a round tells of: one that is early is followed by many
TOLD: Final = 20
NEVER: Final = Point(Deed.CLOCK, 0)


@dataclass(frozen=True, slots=True)
class Template:
    """A dispatcher's folder with members and an app, and without a job."""

    folder: Path
    app: UUID
    user: Identity
    hosts: tuple[Identity, ...]

    @classmethod
    async def make(cls, zygote: Zygote, folder: Path) -> Template:
        """Install a dispatcher and let its members join."""
        home = folder / "dispatcher"
        user = install(home, ["127.0.0.1"], (folder / "user", "user", "https://127.0.0.1:1"))
        victim = await zygote.fork(home, NEVER, LAST_S)
        assert victim.port is not None, "nothing kills it"
        app, hosts = await populate(folder, victim.port, user, HOSTS)
        victim.kill()
        await victim.ended
        return cls(home, app.uid, user, hosts)

    def clients(self, seed: int) -> list[Client]:
        """Return the clients of a round."""
        numbers = itertools.count()

        def chance() -> random.Random:
            return random.Random(f"{seed}/{next(numbers)}")  # noqa: S311 - the load is to be the same again

        user, context = self.user.member.uid, client_context(self.user)
        users = [User(user, context, chance(), app=self.app) for _ in range(USERS)]
        hosts = [(host.member.uid, client_context(host)) for host in self.hosts]
        lanes = [OlderHost if number < OLDER_OF_EACH_HOST else ExchangingHost for number in range(OF_EACH_HOST)]
        return [*users, *(lane(*host, chance()) for host in hosts for lane in lanes)]


@dataclass(slots=True)
class Round:
    """Some kills of one dispatcher, and the promises that were broken."""

    seed: int
    points: int
    kills: list[Point] = field(default_factory=list)  #: life by life
    late: int = 0  #: of these: dispatchers that did not come to their point in time
    records: list[Record] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    @property
    def finished(self) -> int:
        """Return how many attempts have ended with an answer."""
        return len(set(_answered(self.records, Finish)))

    @property
    def survived(self) -> int:
        """Return how many attempts were given by one process of the dispatcher and ended at another."""
        lives = {lease.attempt: lease.record.life for lease in given(self.records)}
        ends = {
            record.request.attempt: record.life
            for record in reversed(parts_of(self.records))
            if isinstance(record.request, Finish) and record.answered is not None
        }
        return sum(life > lives[attempt] for attempt, life in ends.items())

    def told(self) -> Iterator[str]:
        """Yield a line for each of the first violations, with the command that repeats its round."""
        for violation in self.violations[:TOLD]:
            by = ""
            if violation.life is not None and violation.life <= len(self.kills):
                by = f" (killed at {self.kills[violation.life - 1]})"
            yield f"{violation}{by}; again: make fuzz-crash POINTS={self.points} SEED={self.seed}"
        if len(self.violations) > TOLD:
            yield f"and {len(self.violations) - TOLD} more, which may follow from these"


async def fuzz(points: int, seed: int) -> AsyncIterator[Round]:
    """Play rounds until there were so many kills; yield each when it has been checked."""
    with tempfile.TemporaryDirectory(prefix="fuzz-crash-") as folder:
        async with Zygote.start() as zygote:
            template = await Template.make(zygote, Path(folder))
            for number, first in enumerate(range(0, points, ROUND)):
                home = Path(folder) / f"round-{number}"
                shutil.copytree(template.folder, home)
                game = Game(zygote, home, template.clients(seed + number))
                yield await game.play(Round(seed + number, min(ROUND, points - first)))
                shutil.rmtree(home)


@dataclass(slots=True)
class Game:
    """One round while it is played."""

    zygote: Zygote
    home: Path
    clients: list[Client]
    history: History = field(default_factory=History)

    async def play(self, played: Round) -> Round:
        """Kill, start again, and so on; then check."""
        chance = random.Random(played.seed)  # noqa: S311 - the kills are to be the same again
        for number in range(1, played.points + 1):
            point = choose(chance)
            played.kills.append(point)
            victim = await self._live(number, point)
            played.late += victim.is_late and point.deed is not Deed.CLOCK
            played.violations += _ended(victim, number)
        victim = await self._last(played.points + 1, chance)
        played.violations += _ended(victim, played.points + 1)
        if victim.is_late:
            text = f"after the last kill the dispatcher did not answer all that it was asked within {LAST_S:.0f} s"
            played.violations.append(Violation("silent", text))
        played.records = self.history.records
        played.violations += violations(played.records, await asyncio.to_thread(read, self.home))
        return played

    async def _live(self, number: int, point: Point) -> Victim:
        """Let a dispatcher serve until its end."""
        lives_s = point.number / 1000 if point.deed is Deed.CLOCK else LIFE_S
        victim = await self.zygote.fork(self.home, point, lives_s)
        answers = itertools.count(1)

        def count() -> None:
            if next(answers) == point.number and point.deed is Deed.ANSWERS:
                victim.kill()

        if victim.port is not None:
            life = Life(number, victim.port, self.history, count)
            async with _together([client.go_on(life) for client in self.clients]) as tasks:
                await victim.ended
                for _ in range(USERS * 100):
                    life.room.release()  # clients that wait for room see now that their connection has ended
                await asyncio.wait(tasks, timeout=FAREWELL_S)
        await victim.ended
        return victim

    async def _last(self, number: int, chance: random.Random) -> Victim:
        """Let a dispatcher serve until each client has come to an end."""
        victim = await self.zygote.fork(self.home, NEVER, LAST_S)
        if victim.port is not None:
            life = Life(number, victim.port, self.history, lambda: None)
            again = self._some_answered(chance)
            ends = [client.come_to_an_end(life, again.get(client, [])) for client in self.clients]
            async with _together(ends) as tasks:
                await asyncio.wait(tasks)
        victim.kill()
        await victim.ended
        return victim

    def _some_answered(self, chance: random.Random) -> dict[Client, list[Request]]:
        """Return some requests that were answered, by a client that may send them."""
        answered = _answered(self.history.records, Submit, Finish)
        members = {client.uid: client for client in self.clients}
        again: dict[Client, list[Request]] = {}
        for request in chance.sample(answered, min(REPEATED, len(answered))):
            again.setdefault(members[request.caller], []).append(request)
        return again


@contextlib.asynccontextmanager
async def _together(works: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Let clients work until the context ends; that their connections end is no error."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception) and not isinstance(outcome, OSError):
            raise outcome


def _answered(records: Iterable[Record], *kinds: type[Request]) -> list[Request]:
    answered = (record for record in parts_of(records) if record.answered is not None)
    return [record.request for record in answered if isinstance(record.request, kinds)]


def _ended(victim: Victim, life: int) -> Iterator[Violation]:
    """Yield a violation if a dispatcher ended in another way than by a kill."""
    status = victim.ended.result()
    if status != -signal.SIGKILL:
        yield Violation("died", f"the dispatcher ended by itself, with status {status}", life)
