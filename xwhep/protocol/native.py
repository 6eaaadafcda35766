"""The messages of native apps: a developer's executable or script, run in a sandbox."""

from __future__ import annotations

from typing import Literal

from xwhep.protocol.apps import Limits
from xwhep.protocol.attempts import Work
from xwhep.protocol.base import Digest, RelativePath
from xwhep.protocol.jobs import JobWork


class NativeWork(JobWork, Work):
    """Run a program in the sandbox."""

    kind: Literal["native"] = "native"
    program: Digest
    entry: RelativePath
    limits: Limits
