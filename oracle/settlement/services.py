"""What a Task asks of the grid, from the chain's bytes to a batch, or the reason for which it is refused.

What comes from the chain is hostile: it becomes an argument list, a content or a pattern that was parsed, or a reason
to fail; never a name, a path or a command. The same task gives the same batch, byte by byte.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from oracle.settlement import bags, searches
from oracle.settlement.requests import GridRequest, OracleTerms, SubmittedRequest
from xwhep.chain.reasons import FailureReason
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import NoTargetError
from xwhep.errors.keys import PublicKeyError
from xwhep.errors.requests import IdConflictError, InvalidFieldError, NotFoundError, TooLargeError

#: what is said, here or by the grid, once and for all
_REFUSALS: Final[tuple[tuple[type[XwhepError], FailureReason], ...]] = (
    *searches.REFUSALS,
    (NotFoundError, FailureReason.REFUSED_APP),
    (NoTargetError, FailureReason.REFUSED_APP),
    (IdConflictError, FailureReason.REFUSED_PARAMETERS),  # an earlier configuration of this oracle made another batch
    (InvalidFieldError, FailureReason.REFUSED_PARAMETERS),
    (PublicKeyError, FailureReason.REFUSED_PARAMETERS),
    (TooLargeError, FailureReason.REFUSED_PARAMETERS),
)


def request_of(task: SubmittedRequest, terms: OracleTerms) -> GridRequest | FailureReason:
    """Return what to ask of the grid for a task, or why it cannot be done."""
    service = terms.services.get(task.app)
    if service is None:
        return FailureReason.REFUSED_APP
    try:
        if service.app_uid is None:
            return searches.request_for(task, terms)
        return bags.request_for(task, terms.subject, service.app_uid)
    except (InvalidFieldError, PublicKeyError, ValidationError):
        return FailureReason.REFUSED_PARAMETERS


def refusal_of(error: XwhepError) -> FailureReason | None:
    """Return the reason for which a task fails when the grid says this; None if a later try may do better."""
    return next((reason for refusal, reason in _REFUSALS if isinstance(error, refusal)), None)
