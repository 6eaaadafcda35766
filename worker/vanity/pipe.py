"""What the daemon and its vanity child say to each other: one JSON object a line, UTF-8.

Down the child's standard input come a `UnitMessage`, then `Command`s; its end means "stop". Up its standard output come
events. A line is bounded, its fields are known, and everything else is an error. This module never imports numba.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, BinaryIO, Final, Literal, Self, TypeAlias, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from xwhep.errors.requests import BadRequestError, InvalidFieldError, TooLargeError
from xwhep.vanity.hit_fields import CheckedHitFields, hit_fields
from xwhep.vanity.messages import UnitFields, unit_fields
from xwhep.vanity.split_key import Hit
from xwhep.vanity.units import MAX_STEPS, Unit

MAX_LINE_BYTES: Final = 2 * 1024 * 1024

Keys: TypeAlias = Annotated[int, Field(ge=0)]  #: tried since the child started


class Message(BaseModel):
    """One line of the pipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# --- to the child ----------------------------------------------------------------------------------------------------


class UnitMessage(UnitFields, Message):
    """A unit to search, or to go on with."""

    batch: UUID
    first_step: int = Field(default=0, ge=0, lt=MAX_STEPS)  #: where to begin; the steps before were done earlier
    nice: int = Field(default=0, ge=0, le=19)  #: how much to yield to other programs
    share: float = Field(default=1.0, ge=0.01, le=1)  #: of one processor's time

    @classmethod
    def for_unit(cls, unit: Unit, *, first_step: int = 0, nice: int = 0, share: float = 1.0) -> Self:
        """Return the message that asks for a unit."""
        return cls(**unit_fields(unit), batch=unit.batch, first_step=first_step, nice=nice, share=share)

    def checked_unit(self) -> Unit:
        """Return the unit.

        Raises:
            InvalidFieldError, PatternError: a target that cannot be, or a first step beyond the last.
            PublicKeyError: the public key is not on the curve.
        """
        if self.first_step >= self.steps:
            raise InvalidFieldError("first_step", f"{self.first_step} is beyond the unit's {self.steps} steps")
        return self.unit(self.batch)


class Order(StrEnum):
    """What a running search can be told."""

    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


class Command(Message):
    """A word to a running search."""

    do: Order


# --- from the child --------------------------------------------------------------------------------------------------


class Compiling(Message):
    """The kernel is being compiled, which takes some ten seconds once."""

    event: Literal["compiling"] = "compiling"


class Compiled(Message):
    """The kernel is in the cache; the last line of a child that compiles, with the rates if it was told only to."""

    event: Literal["compiled"] = "compiled"
    kernel: str
    why: str = ""  #: this kernel and no other, for people
    keys_per_s: float = Field(default=0, ge=0)  #: of one thread, from a short trial
    keys_per_cpu_s: float = Field(default=0, ge=0)  #: from the same trial: of one thread that is never interrupted
    bound_keys_per_cpu_s: float = Field(default=0, ge=0)  #: what no kernel of its kind can surpass on this processor


class Started(Message):
    """The search runs."""

    event: Literal["started"] = "started"
    kernel: str


class Progress(Message):
    """The search goes on; said about twice a second."""

    event: Literal["progress"] = "progress"
    keys: Keys
    next_step: int = Field(ge=0, le=MAX_STEPS)  #: all steps before it are done, and their hits were reported
    keys_per_s: float = Field(ge=0)  #: since the progress before, rests included and pauses left out


class Found(CheckedHitFields, Message):
    """A hit, checked exactly."""

    event: Literal["hit"] = "hit"
    keys: Keys  #: tried so far, those beside the hit included

    @classmethod
    def of(cls, hit: Hit, keys: int) -> Self:
        """Return the event of a hit, and how many keys were tried for it."""
        return cls.model_validate({**hit_fields(hit), "keys": keys})


class Done(Message):
    """The unit's end, or the end of what was done of it when it was stopped."""

    event: Literal["done"] = "done"
    keys: Keys
    next_step: int = Field(ge=0, le=MAX_STEPS)  #: where to go on; the unit's steps if nothing is left


class Failed(Message):
    """An error that ended the child."""

    event: Literal["failed"] = "failed"
    code: str
    text: str


Event: TypeAlias = Compiling | Compiled | Started | Progress | Found | Done | Failed
_EVENTS: Final[TypeAdapter[Event]] = TypeAdapter(Annotated[Event, Field(discriminator="event")])
_UNITS: Final = TypeAdapter(UnitMessage)
_COMMANDS: Final = TypeAdapter(Command)

Parsed = TypeVar("Parsed")


def render(message: Message) -> bytes:
    """Return the line of a message, its end included."""
    return message.model_dump_json().encode() + b"\n"


def read_line(stream: BinaryIO) -> bytes | None:
    """Return the next line, None at the end of the stream.

    Raises:
        TooLargeError: the line is longer than a message can be.
    """
    line = stream.readline(MAX_LINE_BYTES + 1)
    if len(line) > MAX_LINE_BYTES:
        raise TooLargeError("a line of the pipe", MAX_LINE_BYTES)
    return line or None


def parse_unit(line: bytes) -> UnitMessage:
    """Return the unit of a line.

    Raises:
        BadRequestError: the line is not JSON.
        InvalidFieldError: a field is missing, unknown or out of its range.
    """
    return _parse(_UNITS, line)


def parse_command(line: bytes) -> Command:
    """Return the command of a line; raises as `parse_unit` does."""
    return _parse(_COMMANDS, line)


def parse_event(line: bytes) -> Event:
    """Return the event of a line; raises as `parse_unit` does."""
    return _parse(_EVENTS, line)


def _parse(adapter: TypeAdapter[Parsed], line: bytes) -> Parsed:
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        if fault["type"] == "json_invalid":
            raise BadRequestError(f"a line of the pipe is not JSON: {fault['msg']}") from error
        raise InvalidFieldError(".".join(map(str, fault["loc"])) or "message", fault["msg"]) from error
