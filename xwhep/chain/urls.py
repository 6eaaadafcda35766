"""Where a node is: of its URL only scheme, host and port are shown, since any other part may carry a key."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from xwhep.config import variable
from xwhep.errors.requests import InvalidFieldError

_MAX_LENGTH = 2048


def parse_url(text: str, field: str = "rpc") -> str:
    """Return the URL of a node.

    Raises:
        InvalidFieldError: it is no http or https URL with a host; the text is not repeated.
    """
    _split(text, field)
    return text


def refuse_password(text: str, field: str = "--rpc", *, section: str = "chain", key: str = "rpc") -> str:
    """Return a URL that was given as an argument, where everybody on the machine may read it.

    The error names the key of the configuration that may hold a password.

    Raises:
        InvalidFieldError: it carries a user name or a password, or is no URL of a node.
    """
    if "@" in _split(text, field).netloc:
        raise InvalidFieldError(
            field,
            "a user name or password in an argument can be read by others on this machine; set the environment variable"
            f" {variable(section, key)}, or {key} in the section [{section}] of config.toml",
        )
    return text


def shown(url: str) -> str:
    """Return scheme, host and port of a node's URL."""
    parts = _split(url, "rpc")
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def _split(text: str, field: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or len(text) > _MAX_LENGTH or not text.isprintable() or " " in text:
        raise InvalidFieldError(field, "the URL of a node is written as in http://127.0.0.1:8545")
    return parts
