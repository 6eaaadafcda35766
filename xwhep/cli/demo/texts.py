"""What the demonstration counts words in: three short texts of its own."""

from __future__ import annotations

from typing import Final

TEXTS: Final = {
    "volunteers.txt": (
        "A volunteer gives the hours that a machine would idle. The machine asks for work, the work is done, and the"
        " machine asks again. What the machine may do, the volunteer decides.\n"
    ),
    "keys.txt": (
        "A key that is split in two is no key in one hand. One half is searched for by many, the other half never"
        " leaves the one who asked. Put together, the two halves are the key.\n"
    ),
    "leases.txt": (
        "A lease ends unless it is renewed. A job whose lease has ended is given to another, and the one who comes too"
        " late is told so. So a job is lost only if all are lost.\n"
    ),
}
