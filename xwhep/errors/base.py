"""The root of the errors that may cross a process, and the one registry of their codes.

A code is part of the interface: it never changes its meaning. A text is one sentence that says what, which one, and
what to do. On the wire an error is a problem document (RFC 9457); `xwhep.client` turns it back into the same class, if
its module is loaded: nobody else could expect it. The other modules have the errors of one area each.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

#: every code with its class; a class enters when it is defined
CODES: Final[dict[str, type[XwhepError]]] = {}


class XwhepError(Exception):
    """The root of all errors that a person or another process may see."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    #: what the command line returns: 1 refused by dispatcher, chain or machine, 2 wrong on the command line alone
    exit_status: ClassVar[int] = 1

    def __init__(self, text: str, *, field: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.field = field  #: the request's field at fault, as a dotted path
        self.remote = False  #: whether another process raised it
        #: how long to wait at least before trying again, seconds; 0: the dispatcher does not say
        self.retry_after_s = 0.0

    def __init_subclass__(cls, **options: Any) -> None:
        """Enter the code, if the class has one of its own."""
        super().__init_subclass__(**options)
        if "code" in vars(cls):
            assert cls.code not in CODES, f"two errors have the code {cls.code}"
            CODES[cls.code] = cls


class RemoteError(XwhepError):
    """The dispatcher refused, with a code that this process knows only by name."""

    def __init__(self, code: str, text: str, http_status: int, field: str | None = None) -> None:
        super().__init__(text, field=field)
        self.remote_code = code
        self.remote_status = http_status


def from_problem(code: str, text: str, http_status: int, field: str | None = None) -> XwhepError:
    """Return the error that a problem document describes, as the class that raised it on the other side."""
    error_class = CODES.get(code)
    if error_class is None:
        return RemoteError(code, text, http_status, field)
    error = error_class.__new__(error_class)
    XwhepError.__init__(error, text, field=field)
    error.remote = True
    return error
