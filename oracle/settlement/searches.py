"""A search for an address that a Task asks for, and whether the grid's result is true. Only this module knows vanity.

The result is checked against the requester's own key and pattern. With the hit goes A + sG: a contract can check that
sum cheaply, and hardly compute it.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Final

from oracle.settlement.answers import Answer, done, failed
from oracle.settlement.requests import GridRequest, OracleTerms, SubmittedRequest, batch_uid, name_of
from xwhep.chain.parameters import VanityParameters, VanityResult, decode_vanity_parameters, encode_vanity_result
from xwhep.chain.reasons import FailureReason
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import FalseResultError
from xwhep.fast_secp256k1 import add_multiple
from xwhep.protocol.batches import BatchView
from xwhep.secp256k1 import encode
from xwhep.vanity.errors import KeyUsedError, PatternError
from xwhep.vanity.messages import HitView, SubmitSearch, search_of
from xwhep.vanity.split_key import check
from xwhep.vanity.wanted import Wanted, want_patterns

#: what is said, here or by the grid, once and for all of a search
REFUSALS: Final[tuple[tuple[type[XwhepError], FailureReason], ...]] = (
    (KeyUsedError, FailureReason.KEY_USED),
    (PatternError, FailureReason.REFUSED_PARAMETERS),
)
#: parsed parameters that are kept, some kilobytes each; more than Tasks are in work by default
_KEPT: Final = 1024


def request_for(task: SubmittedRequest, terms: OracleTerms) -> GridRequest | FailureReason:
    """Return the search that a task asks for, or why it is refused.

    Raises:
        InvalidFieldError, PublicKeyError: its parameters are not such.
    """
    try:
        parameters, wanted = parsed(task.params)
    except PatternError:
        return FailureReason.REFUSED_PARAMETERS
    if wanted.difficulty > terms.max_difficulty:
        return FailureReason.TOO_HARD
    batch = SubmitSearch(
        uid=batch_uid(terms.subject, task),
        name=name_of(task),
        requester=task.requester,
        patterns=[parameters.pattern],
        public_key=encode(parameters.public_key).hex(),
    )
    return GridRequest(task.id, batch, partial(_judge, task.params))


@lru_cache(_KEPT)
def parsed(params: bytes) -> tuple[VanityParameters, Wanted]:
    """Return what a search is asked for; the same parameters are parsed once, not at every look.

    Raises:
        InvalidFieldError, PatternError, PublicKeyError: nothing that can be searched for.
    """
    parameters = decode_vanity_parameters(params)
    return parameters, want_patterns([parameters.pattern])


def keys_tried(batch: BatchView) -> int | None:
    """Return how many keys the grid has tried for a batch; None if it is no search."""
    search = search_of(batch)
    return None if search is None else search.keys_tried


def _judge(params: bytes, batch: BatchView) -> Answer:
    try:
        search = search_of(batch)
    except FalseResultError:
        search = None
    if search is None or search.result is None:
        return failed(FailureReason.FALSE_RESULT)
    return found(params, search.result)


def found(params: bytes, hit: HitView) -> Answer:
    """Return the answer of a search that ended, checked against the requester's own key and pattern."""
    try:
        return _checked(params, hit)
    except FalseResultError:
        return failed(FailureReason.FALSE_RESULT)


def _checked(params: bytes, hit: HitView) -> Answer:
    parameters, wanted = parsed(params)
    claimed = hit.hit()
    check(parameters.public_key, claimed, wanted.find)
    total = add_multiple(parameters.public_key, claimed.s)
    assert total is not None, "the hit was checked"
    return done(encode_vanity_result(VanityResult(claimed.s, claimed.e, claimed.sign == -1, total.x, total.y)))
