"""Bags: batches whose jobs are all there from the start. Every dispatcher has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from dispatcher.kinds.contract import Begun, JobSource
from xwhep.lifecycle import BatchStatus, Status, bag_status
from xwhep.protocol.batches import SubmitBag


class Bag(JobSource):
    """A list of jobs."""

    name = "bag"
    request = SubmitBag

    def begin(self, request: SubmitBag, randbelow: Callable[[int], int]) -> Begun:  # noqa: ARG002 - the contract's
        """Return the jobs that were submitted."""
        return Begun(jobs=request.jobs)

    def status(self, jobs_in: Mapping[Status, int], *, ended: bool) -> BatchStatus:  # noqa: ARG002 - the contract's
        """Return where a bag is: as its jobs are."""
        return bag_status(jobs_in)


SOURCE: Final = Bag()
