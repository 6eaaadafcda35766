"""The grid as the oracle's service account sees it: batches that may be handed in twice, and what became of them.

A dispatcher that is away is no answer: whatever a later try may cure is raised, and only what the grid has decided
becomes a reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import UUID

from oracle.settlement.answers import Answer, done, failed
from oracle.settlement.bags import ENDS
from oracle.settlement.requests import GridRequest, Upload
from oracle.settlement.searches import keys_tried
from oracle.settlement.services import refusal_of
from xwhep.chain.reasons import FailureReason
from xwhep.chain.values import MAX_RESULT
from xwhep.client.connection import Connection
from xwhep.client.owner import OwnerClient
from xwhep.client.session import fresh_identity
from xwhep.errors.base import XwhepError
from xwhep.errors.identity import ForbiddenError
from xwhep.errors.requests import (
    IllegalTransitionError,
    NotFoundError,
)
from xwhep.files import make_private_folder
from xwhep.lifecycle import BatchStatus, DataStatus, Status
from xwhep.pki.contexts import client_context, show_renewed
from xwhep.pki.identity import Identity, explain
from xwhep.protocol.jobs import JobView
from xwhep.rights import Role
from xwhep.world import REAL, World

log = logging.getLogger(__name__)

#: for a connection, longer than it waits for its turn at the dispatcher, and between two parts of an answer, seconds
TIMEOUT_S: Final = 60.0
#: between two looks at the certificate, seconds
RENEWAL_CHECK_S: Final = 60.0
_STDOUT: Final = "stdout"


class GridAccount:
    """What the oracle asks of its dispatcher; each method may be called again for the same task."""

    def __init__(self, client: OwnerClient, scratch: Path) -> None:
        self._client = client
        self._scratch = scratch  #: a folder for content on its way

    async def check_account(self) -> None:
        """Check that the dispatcher takes the oracle for what it is.

        Raises:
            ForbiddenError: the account is not a service's, which alone may use derived ids.
            XwhepError: it cannot be asked.
        """
        me = await self._client.whoami()
        if me.role is not Role.SERVICE:
            raise ForbiddenError(me.role, "carry tasks of a chain; join with a token of kind service")

    async def submit(self, request: GridRequest) -> FailureReason | None:
        """Hand a batch in; None: the grid has it, now or from before.

        Raises:
            XwhepError: the grid cannot say now.
        """
        try:
            if request.upload is not None:
                await self._store(request.upload)
            await self._client.submit_batch(request.batch)
        except XwhepError as error:
            reason = refusal_of(error)
            if reason is None:
                raise
            log.warning("batch %s: the grid refuses it: %s", request.batch.uid, error)
            return reason
        return None

    async def answer(self, request: GridRequest) -> Answer | None:
        """Return what came out of a batch; None while it runs. One that the grid has lost is handed in again.

        Raises:
            XwhepError: the grid cannot say now.
        """
        try:
            batch = await self._client.batch(request.batch.uid)
        except NotFoundError:  # its database went back to an older state
            reason = await self.submit(request)
            return None if reason is None else failed(reason)
        match batch.status:
            case BatchStatus.RUNNING:
                return None
            case BatchStatus.CANCELLED:
                return failed(FailureReason.JOB_CANCELLED)
        if isinstance(request.source, UUID):
            return await self._job_answer(request.source)
        if (tried := keys_tried(batch)) is not None:
            log.info("task %d: the grid has tried %d keys", request.task_id, tried)
        return request.source(batch)

    async def cancel(self, uid: UUID) -> None:
        """See to it that a batch is no longer worked on, whether it ended, runs, or was never handed in."""
        with contextlib.suppress(NotFoundError, IllegalTransitionError):
            await self._client.cancel_batch(uid)

    async def _store(self, upload: Upload) -> None:
        announced = await self._client.register_data(upload.announcement)
        if announced.status is DataStatus.AVAILABLE:
            return
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            file = Path(folder) / "content"
            file.write_bytes(upload.content)
            await self._client.store(announced.uid, file, len(upload.content))

    async def _job_answer(self, uid: UUID) -> Answer:
        job = await self._client.job(uid)
        if job.status is not Status.COMPLETED:
            return failed(ENDS[job.status])
        return await self._output(job)

    async def _output(self, job: JobView) -> Answer:
        """Return standard output, whose digest the client checks while it comes."""
        output = next((output for output in job.outputs if output.name == _STDOUT), None)
        if output is None:
            return failed(FailureReason.JOB_FAILED)
        if output.size_bytes > MAX_RESULT:
            return failed(FailureReason.RESULT_TOO_LARGE)
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            file = Path(folder) / "content"
            await self._client.fetch_output(job.uid, output, file)
            return done(file.read_bytes())


@contextlib.asynccontextmanager
async def open_grid(identity: Identity, scratch: Path, world: World = REAL) -> AsyncIterator[GridAccount]:
    """Open the grid as the service with this identity, whose certificate is renewed in time.

    `scratch` is emptied: what an earlier process left there is of no use.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    make_private_folder(scratch)
    membership = _Membership(identity, world)
    way = Connection(
        identity.dispatcher, membership.context, timeout_s=TIMEOUT_S, explain=membership.fault, world=world
    )
    async with way as connection:
        renewal = asyncio.create_task(membership.keep())
        try:
            yield GridAccount(OwnerClient(connection), scratch)
        finally:
            renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewal


class _Membership:
    """The certificate of a process that runs for longer than it holds."""

    def __init__(self, identity: Identity, world: World) -> None:
        self._identity = identity
        self._world = world
        self.context = client_context(identity)

    def fault(self) -> XwhepError | None:
        """Return what is wrong with the identity itself, if anything is."""
        return explain(self._identity, self._world.now())

    async def keep(self) -> None:
        """Renew the certificate whenever that is due; one that has expired can be renewed as well."""
        while True:
            try:
                renewed = await fresh_identity(self._identity, self._world)
            except XwhepError as error:
                log.warning("the certificate could not be renewed: %s", error)
            else:
                if renewed is not self._identity:
                    self._identity = renewed
                    show_renewed(self.context, renewed)
                    log.info("the certificate was renewed; it ends on %s", f"{renewed.ends_at:%Y-%m-%d}")
            await self._world.sleep(RENEWAL_CHECK_S)
