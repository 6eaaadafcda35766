"""The demonstration: a whole grid on one machine, from nothing, each part a process of its own as it is in life.

It talks to the grid as people do, with the three command lines; nothing of the dispatcher or the worker is imported.
"""
