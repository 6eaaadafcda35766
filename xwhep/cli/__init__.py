"""The command line `xwhep`, and what all our command lines share."""

from xwhep.cli.program import main

__all__ = ["main"]
