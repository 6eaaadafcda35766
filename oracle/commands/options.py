"""What the commands of the oracle are told on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from xwhep.chain.urls import refuse_password
from xwhep.terminal.shell import Split


def node_url(text: str) -> str:
    """Return the URL of a node, as far as an argument may tell it."""
    return refuse_password(text, section="oracle", key="rpc_url")


FILE: Final = click.Path(dir_okay=False, path_type=Path)
NODE_URL: Final = Split(node_url)
