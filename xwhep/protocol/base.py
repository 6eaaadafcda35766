"""What all messages are made of: strict requests, lenient replies, bounded types.

A field group (`...Fields`) carries fields only; messages and tables inherit it. Requests refuse a field nobody knows;
replies ignore it, so that an older client understands a newer dispatcher. Groups that stand inside both kinds of
message say nothing about it: the dispatcher refuses unknown fields in every part of a request when it reads it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar, Union

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

#: names that Windows gives to devices, whatever follows the first dot. Source: "Naming Files, Paths, and Namespaces",
#: Microsoft Learn; the superscript digits and CONIN$ and CONOUT$ are from the same page
_DEVICE: Final = re.compile(
    r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9\u00b9\u00b2\u00b3]) *(\..*)?", re.IGNORECASE
)
#: how much of a refusal's text is kept, characters
PROBLEM_CHARACTERS: Final = 1000
#: the longest name of a file that Linux, macOS and Windows take, bytes in UTF-8
_MAX_PART_BYTES: Final = 255


class Os(StrEnum):
    """An operating system that a program is built for."""

    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"


class Cpu(StrEnum):
    """A processor architecture that a program is built for."""

    X86_64 = "x86_64"
    ARM64 = "arm64"
    ANY = "any"  #: a script


class Request(BaseModel):
    """The root of what clients send."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Reply(BaseModel):
    """The root of what the dispatcher answers."""

    model_config = ConfigDict(extra="ignore", frozen=True, from_attributes=True, allow_inf_nan=False)


def one_line(text: str) -> str:
    """Return the beginning of `text` as one line that plays no tricks on a terminal or a log."""
    return " ".join(shown_plainly(text[:PROBLEM_CHARACTERS]).split("\n")).replace("\t", " ")


class Problem(Reply):
    """Why something was refused: a problem document, with our members. Source: RFC 9457, 3."""

    code: Annotated[str, AfterValidator(one_line)]
    detail: Annotated[str, AfterValidator(one_line)]
    field: Annotated[str, AfterValidator(one_line)] | None = None
    status: int = 500


Item = TypeVar("Item", bound=BaseModel)


class Page(Reply, Generic[Item]):
    """A part of a list; `next` is the cursor of the part that follows, None at the end."""

    items: list[Item]
    next: str | None = None


@lru_cache(maxsize=1024)  # the same few names are in every job
def check_relative_path(text: str) -> str:
    """Return `text` if it names a file inside the working folder, and the same one on every platform.

    Raises:
        ValueError: it is absolute, leaves the folder, has characters that no file name should have, or a part that
            Windows would take for something else: a device, or a name without its last dots and spaces.
    """
    parts = PurePosixPath(text).parts
    if not parts or text != "/".join(parts) or ".." in parts or text.startswith("/"):
        raise ValueError("must be a plain relative path such as `data/a.txt`, without `..`")
    if re.search(r'[\x00-\x1f\x7f\ud800-\udfff\\:*?"<>|]', text):  # lone surrogates name no file
        raise ValueError('must not contain control characters or any of \\ : * ? " < > |')
    for part in parts:
        if part.endswith((".", " ")) or _DEVICE.fullmatch(part):
            raise ValueError(
                "must not have a part that Windows reserves, such as `con.txt`, or that ends in `.` or space"
            )
        if len(part.encode()) > _MAX_PART_BYTES:
            raise ValueError(f"must not have a part of more than {_MAX_PART_BYTES} bytes")
    return text


def check_utf8_without_nul(text: str) -> str:
    """Return `text` if a process can be given it as an argument.

    Raises:
        ValueError: it has a NUL or a lone surrogate.
    """
    if "\x00" in text:
        raise ValueError("must not contain a NUL")
    text.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return text


def shown_plainly(text: str) -> str:
    """Return `text` with U+FFFD for each character that could play tricks on a terminal; lines and tabs stay."""
    return "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)


def to_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC.

    Raises:
        ValueError: in UTC it lies before the year 1 or after the year 9999.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must lie in the years 1 to 9999, in UTC") from error


#: a SHA-256 digest
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
#: a name that people give to apps, data, batches, hosts and users
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
#: a path relative to a job's working folder
RelativePath = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(check_relative_path)]
#: one argument of a program
Argument = Annotated[str, StringConstraints(max_length=4096), AfterValidator(check_utf8_without_nul)]
#: the name of an environment variable
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
#: a sentence for people, from another machine
Reason = Annotated[str, StringConstraints(max_length=1000), AfterValidator(shown_plainly)]
#: an Ethereum address, kept in lower case: to check or make the capitals of EIP-55 takes Keccak-256
EthereumAddress = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$"), AfterValidator(str.lower)]
#: a moment, aware, in UTC
Moment = Annotated[AwareDatetime, AfterValidator(to_utc)]
#: the name of a kind of app or of batch; the registries of the programs say which they know
KindName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
#: what one kind says inside a message that all kinds share; the types of that kind parse it
Details: TypeAlias = dict[str, JsonValue]


def union_of(messages: Sequence[type[BaseModel]]) -> Any:
    """Return the type of any one of these messages, at least one, told apart by their field `kind`."""
    if len(messages) == 1:
        return messages[0]
    return Annotated[Union[tuple(messages)], Field(discriminator="kind")]  # noqa: UP007 - known when the program runs
