"""Jobs as people write them, on a command line or in a file, made into what the dispatcher takes.

An app is written `name`, `name:version` or as its uid; an input is a file of this machine, `path` or `path=name in the
job's folder`. What can be checked here is checked before anything is sent; then files are uploaded, each content once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from xwhep.client.contents import Uploads
from xwhep.client.owner import OwnerClient
from xwhep.errors.requests import InvalidFieldError, NotFoundError
from xwhep.protocol.apps import AppView, Limits
from xwhep.protocol.base import Argument, Name, VariableName, check_relative_path
from xwhep.protocol.jobs import Input, SubmitJob

ModelT = TypeVar("ModelT", bound=BaseModel)


def parse(model: type[ModelT], values: object, where: str) -> ModelT:
    """Return `values`, which came from a file or a command line, as a message; `where` names that source, or is empty.

    Raises:
        InvalidFieldError: the first value at fault, named as `where: key.key`.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    why = "nobody knows this key" if first["type"] == "extra_forbidden" else _sentence(first["msg"])
    raise InvalidFieldError(": ".join(part for part in (where, key) if part), why)


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def split_pair(text: str) -> tuple[str, str]:
    """Return key and value of `KEY=VALUE`.

    Raises:
        ValueError: there is no `=`, or no key before it.
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ValueError(f"{text!r} has not the form KEY=VALUE")
    return key, value


def split_input(text: str) -> tuple[Path, str]:
    """Return the file, and the path in the job's folder, of `PATH` or `PATH=NAME`.

    Raises:
        ValueError: the name is not a plain relative path.
    """
    path, _, name = text.partition("=")
    return Path(path), check_relative_path(name or Path(path).name)


def _check_input(text: str) -> str:
    split_input(text)
    return text


def _check_limits(changes: dict[str, int]) -> dict[str, int]:
    for name in changes:
        if name not in Limits.model_fields:
            raise ValueError(f"there is no limit {name!r}; known are {', '.join(Limits.model_fields)}")
    parse(Limits, changes, "limits")
    return changes


class JobSpecification(BaseModel):
    """One job as a person writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    app: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: Annotated[list[Argument], Field(max_length=1000)] = Field(default_factory=list)
    environment: Annotated[dict[VariableName, Argument], Field(max_length=100)] = Field(default_factory=dict)
    stdin: Path | None = None
    inputs: Annotated[list[Annotated[str, AfterValidator(_check_input)]], Field(max_length=1000)] = Field(
        default_factory=list
    )
    #: those that differ from the app's
    limits: Annotated[dict[str, int], AfterValidator(_check_limits)] = Field(default_factory=dict)

    def files(self) -> Iterator[Path]:
        """Return the files that the job needs, as they are written."""
        if self.stdin is not None:
            yield self.stdin
        for text in self.inputs:
            yield split_input(text)[0]


def parse_job(values: object, where: str, base: Path) -> JobSpecification:
    """Return a specification whose files are there; relative paths start at `base`.

    Raises:
        InvalidFieldError: a key or a value cannot be, or there is no such file.
    """
    job = parse(JobSpecification, values, where)
    for path in job.files():
        if not (base / path).is_file():
            raise InvalidFieldError(where, f"there is no file {path}")
    return job


class _Named(BaseModel):
    name: Name


def check_name(text: str) -> str:
    """Return a name that people may give to data, batches and groups.

    Raises:
        InvalidFieldError: it has characters that no name has, or too many.
    """
    return parse(_Named, {"name": text}, "").name


async def find_app(client: OwnerClient, text: str) -> AppView:
    """Return the app of this uid, name and version, or name alone: then the version registered last.

    An administrator and a service see everybody's apps; by name, the caller's own is meant where there is one.

    Raises:
        NotFoundError: there is none.
    """
    with contextlib.suppress(ValueError):  # a name
        return await client.app(UUID(text))
    name, _, version = text.partition(":")
    found = [app async for app in client.apps(name) if app.name == name and version in {"", app.version}]
    if not found:
        raise NotFoundError("app", text)
    me = await client.whoami()
    return next((app for app in found if app.owner_uid == me.uid), found[0])


class Preparation:
    """Makes messages of specifications; remembers the apps it looked up."""

    def __init__(self, client: OwnerClient, uploads: Uploads, base: Path) -> None:
        """Relative paths of files start at `base`."""
        self._client = client
        self._uploads = uploads
        self._base = base
        self._apps: dict[str, AppView] = {}

    async def prepare(self, job: JobSpecification) -> SubmitJob:
        """Return what to submit for one job, its files uploaded.

        Raises:
            NotFoundError: there is no such app.
            OSError: a file cannot be read.
        """
        app = await self._app(job.app)
        inputs = [split_input(text) for text in job.inputs]
        values: dict[str, Any] = {
            "uid": self._client.world.new_uid(),
            "app_uid": app.uid,
            "arguments": job.arguments,
            "environment": job.environment,
            "limits": app.limits.model_copy(update=job.limits) if job.limits else None,
            "stdin": None if job.stdin is None else await self._digest(job.stdin),
            "inputs": [Input(digest=await self._digest(path), path=name) for path, name in inputs],
        }
        return parse(SubmitJob, values, "job")

    async def _app(self, text: str) -> AppView:
        if text not in self._apps:
            self._apps[text] = await find_app(self._client, text)
        return self._apps[text]

    async def _digest(self, path: Path) -> str:
        return (await self._uploads.put(self._base / path)).digest
