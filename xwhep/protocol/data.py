"""Messages about data: content with a name, an owner and rights; the content itself is a blob."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from xwhep.lifecycle import DataStatus
from xwhep.protocol.base import Digest, Moment, Name, Reply, Request

#: the largest content of one data, bytes
MAX_BLOB_BYTES = 16 * 1024**3


class BlobFields(BaseModel):
    """What names content."""

    digest: Digest  #: SHA-256 of the content
    size_bytes: Annotated[int, Field(ge=0, le=MAX_BLOB_BYTES)]


class DataFields(BlobFields):
    """What names a data."""

    name: Name


class RegisterData(DataFields, Request):
    """Announce a data; its content follows."""

    uid: UUID


class DataView(DataFields, Reply):
    """A data as its owner sees it."""

    uid: UUID
    owner_uid: UUID
    status: DataStatus
    registered_at: Moment
