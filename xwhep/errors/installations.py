"""Errors about what a program finds where it is installed: folders, ports, configuration."""

from __future__ import annotations

from xwhep.errors.base import XwhepError


class AlreadyInstalledError(XwhepError):
    """A dispatcher is in the folder already; its keys are never written over."""

    code = "already-installed"
    http_status = 409

    def __init__(self, folder: object) -> None:
        super().__init__(f"there is a dispatcher in {folder} already; choose another XWHEP_HOME or remove that one")


class NotInstalledError(XwhepError):
    """There is no dispatcher in the folder."""

    code = "not-installed"
    http_status = 404

    def __init__(self, folder: object) -> None:
        super().__init__(f"there is no dispatcher in {folder}; run `xwhep-dispatcher init` first")


class SchemaMismatchError(XwhepError):
    """The database was made by another version of the program."""

    code = "schema-mismatch"
    http_status = 500

    def __init__(self, found: int, expected: int, command: str | None) -> None:
        """Tell of the version found; `command` is the one that migrates it, None if none does."""
        if command is not None:
            remedy = f"run `{command}`, which copies the database and then migrates it"
        else:
            remedy = "use the version of xwhep that made it, or begin anew with another XWHEP_HOME"
        super().__init__(f"the database has schema version {found} and this program needs {expected}; {remedy}")


class MigrationFailedError(XwhepError):
    """A database cannot be migrated with what it holds; nothing was changed."""

    code = "migration-failed"
    http_status = 500

    def __init__(self, file: object, why: str) -> None:
        super().__init__(
            f"the database {file} cannot be migrated ({why}) and was left as it was; go on with the version of xwhep"
            " that made it, and report this"
        )


class DatabaseMissingError(XwhepError):
    """The database of a dispatcher that was made is not there; a new one would know no member."""

    code = "database-missing"
    http_status = 500

    def __init__(self, file: object) -> None:
        super().__init__(f"the database {file} is missing; restore its folder from a copy")


class DatabaseDamagedError(XwhepError):
    """The file of the database is not what SQLite has written."""

    code = "database-damaged"
    http_status = 500

    def __init__(self, file: object, why: str) -> None:
        super().__init__(f"the database {file} is damaged ({why}); restore its folder from a copy")


class PortTakenError(XwhepError):
    """The dispatcher cannot listen where it should."""

    code = "port-taken"
    http_status = 500

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(f"cannot listen on {host} port {port} ({why.lower()}); choose another with --port")


class ConfigurationError(XwhepError):
    """A key of the configuration that nobody knows, or a value out of its range."""

    code = "bad-configuration"
    http_status = 422
    exit_status = 2

    def __init__(self, key: str, why: str, file: str) -> None:
        super().__init__(f"configuration key {key}: {why}; look at {file} and at the XWHEP_ environment variables")


class LocalFileError(XwhepError):
    """A file on this machine that cannot be read or written."""

    code = "local-file"
    http_status = 500

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why[:1].lower()}{why[1:]}")


class MissingExtraError(XwhepError):
    """A command whose libraries are not installed."""

    code = "missing-extra"
    http_status = 501

    def __init__(self, extra: str, library: str) -> None:
        super().__init__(f"this command needs {library}, which is not installed; run `pip install 'xwhep[{extra}]'`")


class DemoError(XwhepError):
    """A part of the demonstration did not do what it should."""

    code = "demo-failed"
    http_status = 500

    def __init__(self, what: str, log: str) -> None:
        super().__init__(f"the demonstration stopped: {what}" + (f"; its last words: {log}" if log else ""))
