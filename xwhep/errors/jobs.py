"""Errors about jobs, their content and their results."""

from __future__ import annotations

from uuid import UUID

from xwhep.errors.base import XwhepError


class LeaseLostError(XwhepError):
    """A host reports on an attempt that is no longer leased to it."""

    code = "lease-lost"
    http_status = 409

    def __init__(self, job_uid: UUID, attempt: int) -> None:
        super().__init__(
            f"attempt {attempt} of job {job_uid} is no longer leased to this host: the lease expired or the owner"
            " cancelled the job; drop it and ask for another"
        )


class NoTargetError(XwhepError):
    """An app without a program for any platform, or for none that the job allows."""

    code = "no-target"
    http_status = 422

    def __init__(self, app: str) -> None:
        super().__init__(f"app {app} has no target for any platform; register a version that has one")


class DigestMismatchError(XwhepError):
    """Content that is not what its digest names."""

    code = "digest-mismatch"
    http_status = 422

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"the content has SHA-256 {got} but {expected} was announced; send it again")


class StorageFullError(XwhepError):
    """No room for content."""

    code = "storage-full"
    http_status = 507

    def __init__(self, needed_bytes: int | None = None) -> None:
        what = "anything new" if needed_bytes is None else f"{needed_bytes} more bytes"
        super().__init__(f"the dispatcher has no room for {what}; try again later")


class UnavailableError(XwhepError):
    """The dispatcher cannot be reached, or is stopping."""

    code = "unavailable"
    http_status = 503

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; try again later")


class BusyError(UnavailableError):
    """The dispatcher keeps no more of something open for one address, for one identity, or in all."""

    code = "busy"

    def __init__(self, what: str, bound: int) -> None:
        super().__init__(f"the dispatcher keeps no more than {bound} {what} open")


class OverloadedError(UnavailableError):
    """So many requests wait for the dispatcher's database that it takes no more of them now."""

    code = "overloaded"

    def __init__(self, bound: int, retry_after_s: float) -> None:
        super().__init__(f"more than {bound} requests wait for the dispatcher's database")
        self.retry_after_s = retry_after_s


class ProtocolTooOldError(XwhepError):
    """A worker that speaks a version of the protocol which is no longer served."""

    code = "protocol-too-old"
    http_status = 426

    def __init__(self, spoken: int, oldest: int) -> None:
        super().__init__(f"this worker speaks protocol {spoken} and the oldest served is {oldest}; update the worker")


class FalseResultError(XwhepError):
    """A result that does not stand up to checking."""

    code = "false-result"
    http_status = 422

    def __init__(self, why: str) -> None:
        super().__init__(f"the result was refused: {why}")


class NoResultError(XwhepError):
    """A search whose result is asked for before it has one."""

    code = "no-result"
    http_status = 409

    def __init__(self, uid: object, status: str) -> None:
        super().__init__(
            f"batch {uid} is {status} and has found no address; wait for a search with `xwhep batches wait`"
        )
