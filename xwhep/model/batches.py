"""Messages about batches: a bag of jobs, or a search that stops at the first accepted result."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from xwhep.bitcoin.addresses import Form, Network
from xwhep.bitcoin.pattern_lists import Patterns, parse_patterns
from xwhep.lifecycle import BatchStatus, Status
from xwhep.model.attempts import Hex33
from xwhep.model.base import EthereumAddress, Moment, Name, Reply, Request
from xwhep.model.jobs import MAX_JOBS_A_REQUEST, SubmitJob

#: how many patterns one search of a grid has at most
MAX_PATTERNS: Final = 1000
#: what an address shall begin with, not yet parsed
PatternText = Annotated[str, Field(min_length=1, max_length=64)]


class BatchKind(StrEnum):
    """What a batch is made of."""

    BAG = "bag"
    SEARCH = "search"


class BatchFields(BaseModel):
    """What names a batch."""

    name: Name
    requester: EthereumAddress | None = None  #: who asked for it on the chain; only a service says so


class SearchFields(BaseModel):
    """What a vanity search looks for: an address that begins with any of some patterns."""

    pattern: PatternText
    further_patterns: Annotated[list[PatternText], Field(max_length=MAX_PATTERNS - 1)] = Field(default_factory=list)
    form: Form = Form.P2PKH_COMPRESSED
    network: Network = Network.MAIN
    ignore_case: bool = False
    public_key: Hex33  #: the requester's A = aG

    def patterns(self) -> Patterns:
        """Return what the texts stand for, which takes up to a second where case is ignored.

        Raises:
            PatternError, PatternListError: no search can be made for them.
        """
        texts = (self.pattern, *self.further_patterns)
        return parse_patterns(texts, self.form, self.network, ignore_case=self.ignore_case)


class SubmitBag(BatchFields, Request):
    """Submit jobs as one batch."""

    kind: Literal[BatchKind.BAG] = BatchKind.BAG
    uid: UUID
    jobs: Annotated[list[SubmitJob], Field(min_length=1, max_length=MAX_JOBS_A_REQUEST)]


class SubmitSearch(BatchFields, SearchFields, Request):
    """Submit a vanity search."""

    kind: Literal[BatchKind.SEARCH] = BatchKind.SEARCH
    uid: UUID


SubmitBatch = Annotated[SubmitBag | SubmitSearch, Field(discriminator="kind")]


class HitView(Reply):
    """The accepted result of a search; the requester combines it with the secret a."""

    s: str  #: 32 bytes, hexadecimal
    e: int
    sign: int
    address: str


class SearchView(SearchFields, Reply):
    """How far a vanity search is."""

    difficulty: float  #: keys to try for one hit, on average
    keys_tried: int
    keys_per_s: float  #: of all hosts at work on it now
    hosts: int  #: at work on it now
    result: HitView | None


class BatchView(BatchFields, Reply):
    """A batch as its owner sees it."""

    uid: UUID
    owner_uid: UUID
    kind: BatchKind
    status: BatchStatus
    submitted_at: Moment
    ended_at: Moment | None
    jobs: dict[Status, int]  #: how many are in each status
    search: SearchView | None
