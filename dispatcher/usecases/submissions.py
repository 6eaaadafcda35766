"""Jobs and batches as they were sent, and what follows from that alone: all done before a transaction begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from dispatcher.kinds.contract import Begun, JobSource
from dispatcher.usecases.access import body_digest
from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.batches import SubmitBatch
from xwhep.protocol.jobs import SubmitJob


@dataclass(frozen=True, slots=True)
class Submission:
    """Jobs that are submitted together."""

    requests: Sequence[SubmitJob]
    digests: Mapping[UUID, str]  #: of each request, by its job
    content: frozenset[str]  #: the digests of all content that they name

    @classmethod
    def of(cls, requests: Sequence[SubmitJob]) -> Self:
        """Return jobs as a submission; of a thousand this takes milliseconds.

        Raises:
            InvalidFieldError: two jobs have the same id.
        """
        digests = {request.uid: body_digest(request) for request in requests}
        if len(digests) != len(requests):
            raise InvalidFieldError("jobs.uid", "two jobs of one request have the same id")
        return cls(requests, digests, frozenset(digest for request in requests for digest in _content(request)))


@dataclass(frozen=True, slots=True)
class BatchSubmission:
    """A batch that is submitted."""

    request: SubmitBatch
    digest: str  #: of the request
    begun: Begun  #: as its source says
    jobs: Submission  #: those that it begins with

    @classmethod
    def of(cls, source: JobSource, request: SubmitBatch, randbelow: Callable[[int], int]) -> Self:
        """Return a batch as its source begins it; `randbelow` is for secrets, as `secrets.randbelow`.

        Raises:
            InvalidFieldError: two of its jobs have the same id.
            XwhepError: its source can begin no such batch.
        """
        begun = source.begin(request, randbelow)
        return cls(request, body_digest(request), begun, Submission.of(begun.jobs))


def _content(request: SubmitJob) -> list[str]:
    return [item.digest for item in request.inputs] + ([request.stdin] if request.stdin else [])
