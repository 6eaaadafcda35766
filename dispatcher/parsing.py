"""Input from outside made into types: strict, with nothing left over, and with errors in plain words."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from xwhep.errors.requests import BadRequestError, InvalidFieldError

#: characters of a field's name that an error repeats, since the name may be the client's own
FIELD_CHARACTERS: Final = 200
#: a member of an enumeration as Python shows it; people know its value only
_MEMBER: Final = re.compile(r"<\w+\.\w+: ('[^']*')>")


def validated(shape: Any, raw: bytes, where: str = "") -> Any:
    """Return JSON text as a message; nothing is converted or left over, in the parts of a message neither.

    `where` names the field of a larger message that the text is.

    Raises:
        BadRequestError: it is not JSON.
        InvalidFieldError: a field is missing, unknown, or out of its range.
    """
    try:
        return _adapter(shape).validate_json(raw, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["type"] == "json_invalid":
            raise BadRequestError(f"the body is not JSON ({_plain(first['msg'])})") from error
        path = [where] if where else []
        field = ".".join([*path, *(str(part) for part in first["loc"])])[:FIELD_CHARACTERS] or "body"
        raise InvalidFieldError(field, _plain(first["msg"])) from error


@lru_cache(maxsize=256)
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _plain(message: str) -> str:
    """Return what pydantic says as part of a sentence, without the names of our classes."""
    message = _MEMBER.sub(r"\1", message.removeprefix("Value error, "))
    return message[:1].lower() + message[1:]
