"""The search for Bitcoin vanity addresses: the kernels, and the child process that runs them.

`pipe` and `cache` are for both sides of the pipe and never import numba; everything from `vectors` up is for the child.
"""
