"""The messages of vanity searches: what is wished for, a unit of it, a share, and how far a search is."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from xwhep.errors.jobs import FalseResultError
from xwhep.protocol.attempts import Report, Work
from xwhep.protocol.base import Reply, Request
from xwhep.protocol.batches import BatchView, SubmitBatch
from xwhep.secp256k1 import decode, encode
from xwhep.vanity.addresses import Form, Network
from xwhep.vanity.errors import PatternListError
from xwhep.vanity.hit_fields import CheckedHitFields, HitFields
from xwhep.vanity.target_fields import ExpressionText, TargetFields
from xwhep.vanity.units import MAX_STEPS, Unit
from xwhep.vanity.wanted import Wanted, want_ending, want_expression, want_patterns

#: the name of this kind of app
KIND: Final = "vanity"
#: the name of its kind of batch
SEARCH: Final = "search"
#: how many patterns one search of a grid has at most
MAX_PATTERNS: Final = 5000
#: what a worker that says nothing about forms can search for
ANY_KERNELS: Final = frozenset({Form.P2PKH_COMPRESSED})

#: what an address shall begin with, not yet parsed
PatternText = Annotated[str, Field(min_length=1, max_length=64)]
#: a compressed point of secp256k1: 33 bytes as lower-case hexadecimal
Hex33 = Annotated[str, StringConstraints(pattern=r"^0[23][0-9a-f]{64}$")]
#: how many keys, as shares prove them
KeyCount = Annotated[int, Field(ge=0, lt=2**63)]


# --- what is wished for ----------------------------------------------------------------------------------------------


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


class SubmitSearch(SubmitBatch, SearchFields):
    """Submit a vanity search.

    The order of its fields counts in the digest by which a search that is sent again is known, also after an upgrade.
    """

    kind: Literal["search"] = SEARCH


# --- between dispatcher and hosts ------------------------------------------------------------------------------------


class VanityAbility(Request):
    """What a host says of itself as one that searches."""

    forms: Annotated[frozenset[Form], Field(max_length=8)] = ANY_KERNELS  #: of addresses that it can search for
    #: what one slot tried lately, or would have if it were compressed keys alone; 0 unknown
    keys_per_s: Annotated[float, Field(ge=0, le=1e12)] = 0


class UnitFields(TargetFields):
    """One unit of a vanity search (`xwhep.vanity.units`); each hit in its target is a share."""

    number: Annotated[int, Field(ge=0, lt=2**63)]
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS)]
    public_key: Hex33  #: blinded: A + rG
    plain: bool = False  #: whether only A' + sG itself is tried

    def unit(self, batch: UUID) -> Unit:
        """Return the unit of a batch.

        Raises:
            InvalidFieldError, PatternError: its target cannot be.
            PublicKeyError: the public key is not on the curve.
        """
        key = decode(bytes.fromhex(self.public_key))
        return Unit(batch, self.number, self.steps, key, self.target(), plain=self.plain)


def unit_fields(unit: Unit) -> dict[str, Any]:
    """Return the fields of a unit, but its batch."""
    fields = TargetFields.of(unit.target).model_dump()
    key = encode(unit.public_key).hex()
    return {**fields, "number": unit.number, "steps": unit.steps, "public_key": key, "plain": unit.plain}


class VanityWork(UnitFields, Work):
    """Search one unit."""

    kind: Literal["vanity"] = KIND
    batch_uid: UUID
    keys_proven: KeyCount = 0  #: by the host's shares so far


class ReportShare(CheckedHitFields, Report):
    """Report a share, a key in the target of a unit."""

    kind: Literal["vanity"] = KIND


class ShareReply(Reply):
    """What a host is told when its share is accepted."""

    keys_proven: KeyCount  #: by the host's shares so far


class SearchingHost(Reply):
    """What the grid knows of a host as one that searches."""

    keys_per_s: float  #: compressed ones, of one slot, as the host says
    shares: int  #: that stood up to checking
    keys_proven: KeyCount  #: by them


# --- how far a search is ---------------------------------------------------------------------------------------------


class HitView(HitFields, Reply):
    """The accepted result of a search; the requester combines it with the secret a."""

    address: str


class SearchView(SearchFields, Reply):
    """How far a vanity search is: the details of its batch."""

    difficulty: float  #: keys to try for one hit, on average
    keys_tried: int
    keys_per_s: float  #: of all hosts at work on it now
    hosts: int  #: at work on it now
    result: HitView | None


def search_of(batch: BatchView) -> SearchView | None:
    """Return how far the search is that a batch is; None if it is no search.

    Raises:
        FalseResultError: what the dispatcher says of it cannot be.
    """
    if batch.kind != SEARCH or batch.details is None:
        return None
    try:
        return SearchView.model_validate(batch.details)
    except ValidationError as error:
        raise FalseResultError("the dispatcher's account of the search cannot be understood") from error
