"""Routes about jobs and batches, for those who submit them."""

from __future__ import annotations

from aiohttp import web

from dispatcher.routes import content
from dispatcher.routes.door import CONTENT, Call, Route, render, serve
from dispatcher.usecases import batches, jobs
from dispatcher.usecases.jobs import Submitting
from dispatcher.usecases.submissions import BatchSubmission, Submission
from xwhep.errors.requests import InvalidFieldError, NotFoundError
from xwhep.ids import parse_uid
from xwhep.lifecycle import Status
from xwhep.protocol.base import Page
from xwhep.protocol.batches import BatchView, SubmitBatch
from xwhep.protocol.jobs import JobSummary, JobsView, JobView, SubmitJobs
from xwhep.rights import OWNERS

TABLE: list[Route] = []


@serve(TABLE, "POST", "/v1/jobs", OWNERS, takes=SubmitJobs, gives=JobsView)
async def submit(call: Call) -> web.Response:
    """Submit jobs: all of them or none."""
    submission = await call.body(SubmitJobs, made=lambda message: Submission.of(message.jobs))
    services = call.services
    submitting = Submitting(call.caller, submission)
    reply = await services.database.run_one_of(jobs.submit_all, services.kinds, submitting, services.now)
    return render(reply, status=201)


@serve(TABLE, "GET", "/v1/jobs", OWNERS, gives=Page[JobSummary])
async def list_jobs(call: Call) -> web.Response:
    """Return the caller's jobs."""
    status, batch_uid = call.query("status"), call.query("batch_uid")
    try:
        wanted = None if status is None else Status(status)
    except ValueError as error:
        raise InvalidFieldError("status", f"one of {', '.join(Status)}") from error
    page = await call.services.database.read(
        jobs.list_own,
        call.caller,
        status=wanted,
        batch_uid=None if batch_uid is None else parse_uid(batch_uid, "batch_uid"),
        after=call.query("after"),
    )
    return render(page)


@serve(TABLE, "GET", "/v1/jobs/{uid}", OWNERS, gives=JobView)
async def show(call: Call) -> web.Response:
    """Return a job."""
    uid, services = parse_uid(call.part("uid")), call.services
    return render(await services.database.read(jobs.show, services.kinds, call.caller, uid, now=services.now()))


@serve(TABLE, "DELETE", "/v1/jobs/{uid}", OWNERS, gives=JobSummary)
async def cancel(call: Call) -> web.Response:
    """Cancel a job."""
    uid, services = parse_uid(call.part("uid")), call.services
    return render(await services.database.run(jobs.cancel, services.kinds, call.caller, uid, now=services.now()))


@serve(TABLE, "GET", "/v1/jobs/{uid}/outputs/{name:.+}", OWNERS, gives=CONTENT)
async def send_output(call: Call) -> web.StreamResponse:
    """Return the content of an output."""
    uid, name = parse_uid(call.part("uid")), call.part("name")
    output = await call.services.database.read(jobs.output_of, call.caller, uid, name)
    if output is None:
        raise NotFoundError("output", name)
    return await content.send(call, output.digest)


@serve(TABLE, "POST", "/v1/batches", OWNERS, takes=SubmitBatch, gives=BatchView)
async def submit_batch(call: Call) -> web.Response:
    """Submit a batch."""
    services = call.services
    message: SubmitBatch = await call.body(services.kinds.submit_batch())
    source = services.kinds.sources[message.kind]
    submission = await services.aside(BatchSubmission.of, source, message, services.world.randbelow)
    batch = await services.database.run(batches.submit, services.kinds, call.caller, submission, now=services.now())
    return render(batch, status=201)


@serve(TABLE, "GET", "/v1/batches", OWNERS, gives=Page[BatchView])
async def list_batches(call: Call) -> web.Response:
    """Return the caller's batches."""
    services = call.services
    return render(await services.database.read(batches.list_own, services.kinds, call.caller, call.query("after")))


@serve(TABLE, "GET", "/v1/batches/{uid}", OWNERS, gives=BatchView)
async def show_batch(call: Call) -> web.Response:
    """Return a batch."""
    uid, services = parse_uid(call.part("uid")), call.services
    return render(await services.database.read(batches.show, services.kinds, call.caller, uid))


@serve(TABLE, "DELETE", "/v1/batches/{uid}", OWNERS, gives=BatchView)
async def cancel_batch(call: Call) -> web.Response:
    """Cancel a batch with all its jobs; the rows of many follow after the answer."""
    uid, services = parse_uid(call.part("uid")), call.services
    batch = await services.database.run(batches.cancel, services.kinds, call.caller, uid, now=services.now())
    services.unfinished.set()
    return render(batch)
