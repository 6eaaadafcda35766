"""Messages about batches: a bag of jobs, or a search that stops at the first accepted result."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from xwhep.lifecycle import BatchStatus, Status
from xwhep.protocol.attempts import Hex33
from xwhep.protocol.base import EthereumAddress, Moment, Name, Reply, Request
from xwhep.protocol.jobs import MAX_JOBS_A_REQUEST, SubmitJob
from xwhep.vanity.addresses import Form, Network
from xwhep.vanity.errors import PatternListError
from xwhep.vanity.hit_fields import HitFields
from xwhep.vanity.target_fields import ExpressionText
from xwhep.vanity.wanted import Wanted, want_ending, want_expression, want_patterns

#: how many patterns one search of a grid has at most
MAX_PATTERNS: Final = 5000
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


class WishFields(BaseModel):
    """What an address shall be like: begin with any of some patterns, or end so, or match an expression."""

    patterns: Annotated[list[PatternText], Field(max_length=MAX_PATTERNS)] = Field(default_factory=list)
    suffix: PatternText | None = None  #: what it ends with; then there is one pattern, or none
    expression: ExpressionText | None = None  #: what it matches; then there is no pattern
    #: the forms that an address may have; a pattern counts in those whose addresses can begin so
    forms: Annotated[list[Form], Field(min_length=1, max_length=len(Form))] = Field(default=[Form.P2PKH_COMPRESSED])
    network: Network = Network.MAIN
    ignore_case: bool = False  #: of the patterns

    def wanted(self) -> Wanted:
        """Return what the texts stand for, which takes up to a second where case is ignored.

        Raises:
            PatternError, PatternListError: no search can be made for them.
        """
        if self.suffix is None and self.expression is None:
            return want_patterns(self.patterns, self.forms, self.network, ignore_case=self.ignore_case)
        if len(self.forms) > 1:
            raise PatternListError("an end, or an expression, is searched for in addresses of one form")
        if self.ignore_case:
            raise PatternListError("case can be ignored in beginnings alone; in an expression write [aA]")
        if self.expression is None:
            return self._ending(str(self.suffix))
        if self.patterns or self.suffix is not None:
            raise PatternListError("an expression is searched for alone: begin it with the pattern, end it with $")
        return want_expression(self.expression, self.forms[0], self.network)

    def _ending(self, suffix: str) -> Wanted:
        if len(self.patterns) > 1:
            raise PatternListError("with an end there is one beginning, or none")
        return want_ending(suffix, self.patterns[0] if self.patterns else "", self.forms[0], self.network)


class SearchFields(WishFields):
    """What a vanity search looks for, and with which key."""

    plain: bool = False  #: whether only A + sG is tried, for tools that add two keys and no more
    public_key: Hex33  #: the requester's A = aG


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


class HitView(HitFields, Reply):
    """The accepted result of a search; the requester combines it with the secret a."""

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
