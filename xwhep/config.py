"""Configuration: a flag wins over the environment, that over the file, that over the default.

Each program has a section of `config.toml`, and each key of it is an environment variable too: `port` of `[dispatcher]`
is `XWHEP_DISPATCHER__PORT`. A key that nobody knows is an error. `XWHEP_HOME` moves everything into one folder.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import platformdirs
from pydantic import ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from xwhep.errors import ConfigurationError

SettingsT = TypeVar("SettingsT", bound="Settings")


def home() -> Path:
    """Return the folder of keys, databases and caches: `XWHEP_HOME`, or the platform's place for a user's data."""
    override = os.environ.get("XWHEP_HOME")
    return Path(override).absolute() if override else platformdirs.user_data_path("xwhep")


def config_file() -> Path:
    """Return where the configuration is read from, whether it exists or not."""
    if "XWHEP_HOME" in os.environ:
        return home() / "config.toml"
    return platformdirs.user_config_path("xwhep") / "config.toml"


class Settings(BaseSettings):
    """The root of a program's settings; a subclass names its section and its keys."""

    section: ClassVar[str]
    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: flags, environment, file."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _section_of_file(cls.section))


def load(settings: type[SettingsT], flags: Mapping[str, Any]) -> SettingsT:
    """Return the settings of a program; a flag that is None was not given.

    Raises:
        ConfigurationError: a key is unknown, a value is out of its range, or the file is not TOML.
    """
    given = {key: value for key, value in flags.items() if value is not None}
    try:
        return settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{settings.section}.{key}", first["msg"].lower(), str(config_file())) from error


def _section_of_file(section: str) -> dict[str, Any]:
    path = config_file()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get(section, {})
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(section, f"the file is not TOML ({error})", str(path)) from error
    if not isinstance(table, dict):
        raise ConfigurationError(section, "a section is expected here", str(path))
    return table
