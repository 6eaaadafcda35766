"""`python -m xwhep.cli`."""

from xwhep.cli.program import main

main()
