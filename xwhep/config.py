"""Configuration: a flag wins over the environment, that over the file, that over the default.

Each program has a section of `config.toml`, and each key of it is an environment variable too: `port` of `[dispatcher]`
is `XWHEP_DISPATCHER__PORT`. A section or a key that nobody knows is an error, in the file as in the environment.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, TypeAlias, TypeVar

from pydantic import StringConstraints, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from xwhep.errors.installations import ConfigurationError
from xwhep.folders import config_file

SettingsT = TypeVar("SettingsT", bound="Settings")

#: the programs that read the configuration; each finds its own section, and none is surprised by those of the others
SECTIONS: Final = frozenset({"chain", "dispatcher", "oracle", "worker"})
#: a kind of app in a configuration: the name of one that is built in, or the path of a module, with a dot in it
KindPath: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^([a-z][a-z0-9-]{0,31}|[A-Za-z_]\w*(\.[A-Za-z_]\w*)+)$")
]
_PREFIX: Final = "XWHEP_"
_SEPARATOR: Final = "__"


def variable(section: str, key: str = "") -> str:
    """Return the environment variable of a key, or what those of a section begin with."""
    return f"{_PREFIX}{section}{_SEPARATOR}{key}".upper()


class Settings(BaseSettings):
    """The root of a program's settings; a subclass names its section, one of `SECTIONS`, and its keys."""

    section: ClassVar[str]
    model_config = SettingsConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Derive what the section's environment variables begin with."""
        super().__init_subclass__(**kwargs)
        assert cls.section in SECTIONS, f"{cls.section} is no section of the configuration"
        cls.model_config["env_prefix"] = variable(cls.section)

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
        ConfigurationError: a section or key is unknown, a value is out of its range, or the file cannot be used.
    """
    _check_environment(settings)
    given = {key: value for key, value in flags.items() if value is not None}
    try:
        return settings(**given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in (settings.section, *first["loc"]))
        why = _unknown_key(settings) if first["type"] == "extra_forbidden" else first["msg"].lower()
        raise ConfigurationError(key, why, str(config_file())) from error
    except SettingsError as error:
        why = "a value of several parts is written as JSON in the environment, as in [1, 2]"
        raise ConfigurationError(settings.section, f"{error}; {why}", str(config_file())) from error


def _check_environment(settings: type[Settings]) -> None:
    """Check the variables that could be meant for these settings, or for none; Windows knows no lower case.

    Raises:
        ConfigurationError: one names a section or a key that nobody knows.
    """
    known = {variable(settings.section, key) for key in settings.model_fields}
    for name in sorted(name.upper() for name in os.environ):
        section, separator, _ = name.removeprefix(_PREFIX).partition(_SEPARATOR)
        if not name.startswith(_PREFIX) or not separator:
            continue
        if section.lower() not in SECTIONS:
            raise ConfigurationError(name, _UNKNOWN_SECTION, str(config_file()))
        if section.lower() == settings.section and name not in known:
            raise ConfigurationError(name, _unknown_key(settings), str(config_file()))


_UNKNOWN_SECTION: Final = f"there is no such section, but {', '.join(sorted(SECTIONS))}"


def _unknown_key(settings: type[Settings]) -> str:
    return f"there is no such key in [{settings.section}], but {', '.join(settings.model_fields)}"


def _section_of_file(section: str) -> dict[str, Any]:
    path = config_file()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(section, f"the file is not TOML ({error})", str(path)) from error
    except OSError as error:
        raise ConfigurationError(section, f"the file cannot be read ({error.strerror})", str(path)) from error
    for name in tables:
        if name not in SECTIONS:
            raise ConfigurationError(name, _UNKNOWN_SECTION, str(path))
    table = tables.get(section, {})
    if not isinstance(table, dict):
        raise ConfigurationError(section, "a section is expected here", str(path))
    return table
