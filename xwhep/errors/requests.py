"""Errors about requests: their form, their fields, the things that they name."""

from __future__ import annotations

from xwhep.errors.base import XwhepError


class BadRequestError(XwhepError):
    """A request that is not well formed."""

    code = "bad-request"
    http_status = 400


class InvalidFieldError(XwhepError):
    """A request whose field has a value that is out of its range, or that has a field nobody knows."""

    code = "invalid-field"
    http_status = 422
    exit_status = 2

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}", field=field)


class TooLargeError(XwhepError):
    """A body over its bound."""

    code = "too-large"
    http_status = 413

    def __init__(self, what: str, limit_bytes: int) -> None:
        super().__init__(f"{what} is larger than the {limit_bytes} bytes allowed; split it or make it smaller")


class NotFoundError(XwhepError):
    """Nothing has this name, or the caller may not know of it."""

    code = "not-found"
    http_status = 404

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"there is no {kind} {name}, or it is not yours")


class IdConflictError(XwhepError):
    """An id was used before, with another body or by another owner."""

    code = "id-conflict"
    http_status = 409

    def __init__(self, kind: str, uid: object) -> None:
        super().__init__(f"the {kind} id {uid} was used before with another content; use a fresh id")


class NameTakenError(XwhepError):
    """A name that must be unique is in use."""

    code = "name-taken"
    http_status = 409

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"the {kind} {name} is there already, and what it names never changes; choose another name or version"
        )


class IllegalTransitionError(XwhepError):
    """A status cannot change in this way."""

    code = "illegal-transition"
    http_status = 409

    def __init__(self, status: str, event: str) -> None:
        super().__init__(f"what is {status} cannot become {event}")
