"""Connections that fail, in the project's errors and in plain words."""

from __future__ import annotations

import os
import ssl

import aiohttp

from xwhep.errors.identity import DispatcherNotVerifiedError
from xwhep.errors.jobs import UnavailableError


def connection_error(url: str, error: Exception) -> DispatcherNotVerifiedError | UnavailableError:
    """Return what it means that a connection to `url` failed with an error of aiohttp's or of the system's."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        refusal = error.certificate_error
        why = refusal.verify_message if isinstance(refusal, ssl.SSLCertVerificationError) else str(refusal)
        return DispatcherNotVerifiedError(url, why.rstrip("."))
    return UnavailableError(f"the dispatcher at {url} cannot be reached ({plain_reason(error)})")


def plain_reason(error: Exception) -> str:
    """Return what the system calls the fault; aiohttp's own text shows Python objects and their addresses."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, ssl.SSLError):
        return cause.reason or "the TLS handshake failed"
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:  # a resolver's are negative on Linux
        return os.strerror(cause.errno)
    return (isinstance(cause, OSError) and cause.strerror) or str(cause) or "the connection was closed"
