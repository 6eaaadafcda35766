"""Native programs of developers, run contained on a volunteer's Linux PC, or refused with the reason.

Nobody trusts the program. `runner` is the door: `probe` tells whether this machine can contain anything, `run` runs one
program. It starts `supervisor`, a process of its own that outlives the worker by the moment it needs to kill what the
worker started; that starts bubblewrap, and bubblewrap the program:

    worker -> supervisor (python -I -S, an ordinary user) -> bwrap -> init of a new PID namespace -> the program

What each layer takes away:

* namespaces: network, processes, IPC, host name, mounts; of the files only /usr and what the loader needs is there,
  read only; no user namespace can be made inside; no capability is left; the environment starts empty;
* the filter of system calls (`syscalls`): kernel parts that computing does not need, and socket families that a
  network namespace does not confine;
* limits by the kernel (per process): address space, CPU time, file size, open files, processes, core files; and by the
  size of a tmpfs: all that the program writes, so no disk is ever touched while it runs;
* limits by the supervisor, which looks ten times a second: wall time, CPU time, memory and number of files of the whole
  tree; standard output and error pass through it and are cut at their cap.

The kernel's bounds are exact. Those of the supervisor can be passed for a tenth of a second: by as much memory as all
processes can fill meanwhile, in particular, but never by more than the address space of all of them together.

The inputs are bound into the program's working folder by the supervisor, before the program starts (`inputs`). What the
program left in `out/` is copied out by the supervisor after the last process is dead: regular files alone, no
link followed, count and size bounded (`outputs`).
"""
