"""Commands that talk to a grid, with the identity of the user of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from xwhep.client.owner import OwnerClient
from xwhep.client.session import open_owner
from xwhep.folders import home

P = ParamSpec("P")

#: the folder of the user's identity, in the home folder
USER_FOLDER: Final = "user"


def on_grid(
    command: Callable[Concatenate[OwnerClient, P], Coroutine[Any, Any, None]],
) -> Callable[P, None]:
    """Make a command of a coroutine that talks to the grid: it is given a client opened with the user's identity."""

    @wraps(command)
    def run_on_grid(*args: P.args, **options: P.kwargs) -> None:
        async def talk() -> None:
            async with open_owner(home() / USER_FOLDER) as client:
                await command(client, *args, **options)

        asyncio.run(talk())

    return run_on_grid
