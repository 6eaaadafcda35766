"""The tables of vanity searches, beside those of batches, jobs and hosts."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from dispatcher.storage import naming  # noqa: F401 - before any table
from xwhep.sql.columns import document, enumeration, widen_counts
from xwhep.vanity.addresses import Form, Network
from xwhep.vanity.messages import SearchFields
from xwhep.vanity.target_fields import TargetFields


class Search(SearchFields, SQLModel, table=True):
    """What a search batch looks for, and what it has found."""

    __tablename__ = "searches"
    __table_args__ = (UniqueConstraint("public_key"),)

    batch_uid: UUID = Field(primary_key=True, foreign_key="batches.uid")
    #: thousands, perhaps
    patterns: list[str] = document(list[str], sa_column_kwargs={"info": {"is_large": True}})
    forms: list[Form] = document(list[Form])
    network: Network = enumeration(Network)
    blinding: str = Field(repr=False)  #: r, 32 bytes, hexadecimal; never leaves the dispatcher
    blinded_key: str  #: A + rG, what hosts get
    #: what follows from the wish; thousands of numbers, perhaps, that few look at
    target: TargetFields = document(TargetFields, sa_column_kwargs={"info": {"is_large": True}})
    difficulty: float
    next_number: int = 0  #: of the next unit
    keys_tried: int = 0  #: by attempts that have ended
    result_s: str | None = None  #: unblinded
    result_e: int | None = None
    result_sign: int | None = None
    result_address: str | None = None


class VanityUnit(SQLModel, table=True):
    """The unit that a job is."""

    __tablename__ = "vanity_units"

    job_uid: UUID = Field(primary_key=True, foreign_key="jobs.uid")
    number: int
    keys_proven: int = 0  #: by shares


class VanityHost(SQLModel, table=True):
    """A host as one that searches."""

    __tablename__ = "vanity_hosts"

    host_uid: UUID = Field(primary_key=True, foreign_key="hosts.uid")
    keys_per_s: float = 0  #: compressed ones, of one slot, as it says
    proven_keys_per_s: float = 0  #: the same by the shares of its latest units, times their effort
    shares: int = 0  #: that stood up to checking
    keys_proven: int = 0  #: by them: the host's credit


widen_counts(SQLModel.metadata)
