"""Errors about a volunteer's machine: what it is, and what it can run."""

from __future__ import annotations

from xwhep.errors.base import XwhepError


class MachineError(XwhepError):
    """What a run could not do on this machine, in words of programs that ran here: others hear the code alone."""


class CannotContainError(MachineError):
    """This machine cannot confine a native job; it is refused, never run unprotected."""

    code = "cannot-contain"
    http_status = 501

    def __init__(self, why: str) -> None:
        super().__init__(f"native jobs cannot be contained on this machine: {why}")


class UnknownPlatformError(XwhepError):
    """An operating system or a processor that no app of the grid is built for."""

    code = "unknown-platform"
    http_status = 501

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"the grid has no apps for the {what} {name or 'of this machine'}")


class NothingToRunError(XwhepError):
    """A worker that can run no kind of app."""

    code = "nothing-to-run"
    http_status = 501

    def __init__(self) -> None:
        super().__init__("this machine can run no kind of app; the log's lines before this one say why")


class AlreadyRunningError(XwhepError):
    """Two processes of a program with one home."""

    code = "already-running"
    http_status = 409

    def __init__(self, who: str, folder: str) -> None:
        super().__init__(f"{who} is running with {folder} already; stop it, or set XWHEP_HOME to another folder")


class NotRunningError(XwhepError):
    """A question to a worker that is not there."""

    code = "not-running"
    http_status = 503

    def __init__(self) -> None:
        super().__init__("no worker is running here; start it with `xwhep-worker run`")
