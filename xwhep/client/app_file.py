"""`app.toml`, in which a developer describes an app.

name = "wordcount"
version = "1.0"
kind = "native"

[[targets]]
os = "linux"
cpu = "any"
file = "wordcount.sh"     # beside app.toml; or blob = "SHA-256 of content that is stored already"
entry = "wordcount.sh"    # under which name it is run; by default as the file

[limits]                  # what one attempt may use; those left out have their defaults
wall_s = 60
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from xwhep.client.app_kinds import AppDescription, TargetDescription, description_of
from xwhep.client.contents import Uploads
from xwhep.client.specifications import parse
from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.apps import Limits, RegisterApp, Target


def read_toml(path: Path) -> dict[str, object]:
    """Return what a TOML file holds.

    Raises:
        InvalidFieldError: it is not TOML.
        OSError: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidFieldError(path.name, f"this is not TOML ({error})") from error


def read_app(path: Path) -> AppDescription:
    """Return what an `app.toml` says.

    Raises:
        InvalidFieldError: a key is unknown or missing, or a value cannot be.
    """
    values = read_toml(path)
    return parse(description_of(values.get("kind")), values, path.name)


async def upload_programs(app: AppDescription, uploads: Uploads, folder: Path) -> RegisterApp:
    """Return what to register, after the files of the targets were uploaded from `folder`."""
    targets = [await _target(target, uploads, folder) for target in app.targets]
    limits = Limits.model_validate(app.limits.model_dump())
    return RegisterApp(
        uid=uploads.world.new_uid(),
        name=app.name,
        version=app.version,
        kind=app.kind,
        targets=targets,
        limits=limits,
    )


async def _target(target: TargetDescription, uploads: Uploads, folder: Path) -> Target:
    if target.file is not None:
        stored = await uploads.put(folder / target.file)
        entry = target.entry or target.file.name
        return parse(Target, {"os": target.os, "cpu": target.cpu, "blob": stored.digest, "entry": entry}, "target")
    assert target.blob is not None, "a target has a file or a blob, and with a blob its entry"
    assert target.entry is not None
    return Target(os=target.os, cpu=target.cpu, blob=target.blob, entry=target.entry)
