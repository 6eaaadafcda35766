"""The search for vanity addresses: the kernels, the child process that runs them, and the commands that need no grid.

`process` starts the child; `pipe` and `cache` are for both sides of the pipe. These never import numba, nor do the
commands: everything from `vectors` up is for the child.
"""
