"""Where programs keep their files; `XWHEP_HOME` moves everything into one folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """Return the folder of keys, databases and caches: `XWHEP_HOME`, or the platform's place for a user's data."""
    override = os.environ.get("XWHEP_HOME")
    return Path(override).absolute() if override else platformdirs.user_data_path("xwhep")


def config_file() -> Path:
    """Return where the configuration is read from, whether it exists or not."""
    folder = home() if os.environ.get("XWHEP_HOME") else platformdirs.user_config_path("xwhep")
    return folder / "config.toml"
