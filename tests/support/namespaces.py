"""Whether this machine gives user namespaces, from which the sandbox is built, and the mark of tests that need them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import pytest

from worker.sandbox.runner import UNPRIVILEGED_UID

REFUSED: Final = "this machine refuses user namespaces"
#: all that bubblewrap is asked for, by another program than ours: a sandbox that is broken must not look like a machine
#: that refuses it. Some machines give a user namespace and no right in it, so that one more step has to be tried.
_QUESTION: Final = ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork")


def _has_user_namespaces() -> bool:
    """Ask as the user that a contained program is: root may often do what others may not."""
    if sys.platform != "linux":
        return False
    user = UNPRIVILEGED_UID if os.geteuid() == 0 else None
    try:
        subprocess.run(
            [*_QUESTION, "--mount-proc", "true"],
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            stderr=subprocess.DEVNULL,
            cwd="/",
            check=True,
        )
    except (OSError, subprocess.SubprocessError):  # refused, or root may not become another user here
        return False
    return True


HAS_NAMESPACES: Final = _has_user_namespaces()
needs_namespaces = pytest.mark.skipif(not HAS_NAMESPACES, reason=REFUSED)
