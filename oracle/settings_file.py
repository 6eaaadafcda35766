"""Writing the section `[oracle]` of config.toml, once; what stands there already is the keeper's own."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from xwhep.files import PRIVATE, make_private_folder, replace_file
from xwhep.folders import config_file


def section(values: Mapping[str, str], apps: Mapping[str, str]) -> str:
    """Return the section in TOML."""
    lines = ["[oracle]", *(f"{name} = {_quoted(value)}" for name, value in values.items())]
    lines += ["", "[oracle.apps]", *(f"{_quoted(name)} = {_quoted(what)}" for name, what in apps.items())]
    return "\n".join(lines) + "\n"


def add_section(text: str) -> bool:
    """Add the section to the file; False, and nothing is written, where there is one, or the file is not TOML.

    Raises:
        OSError: the file cannot be read or written.
    """
    path = config_file()
    before = _content(path)
    after = f"{before.rstrip()}\n\n{text}".lstrip()
    try:
        if "oracle" in tomllib.loads(before):
            return False
        tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        return False
    make_private_folder(path.parent)
    replace_file(path, after.encode(), PRIVATE)
    return True


def _content(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _quoted(text: str) -> str:
    """Return a basic string of TOML, which escapes as JSON does. Source: TOML v1.0.0, String."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
