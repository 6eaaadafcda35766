"""What users, services and administrators ask of the dispatcher."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel

from xwhep.client.connection import Connection
from xwhep.client.streams import Moved, unwatched
from xwhep.protocol.apps import AppView, RegisterApp
from xwhep.protocol.base import Page
from xwhep.protocol.batches import BatchView, SubmitBatch
from xwhep.protocol.data import DataView, RegisterData
from xwhep.protocol.jobs import JobSummary, JobsView, JobView, Output, SubmitJobs
from xwhep.protocol.members import CreateGroup, CreateToken, GroupView, HostView, TokenReply, UserView, WhoAmI

ItemT = TypeVar("ItemT", bound=BaseModel)


class OwnerClient:
    """The interface as those who own things use it; each method is one request, lists are followed to their end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.world = connection.world  #: of the program

    async def whoami(self) -> WhoAmI:
        """Return who the dispatcher takes the caller for."""
        return await self._connection.call("GET", "/v1/whoami", WhoAmI)

    # --- apps and data

    async def register_app(self, app: RegisterApp) -> AppView:
        """Register a version of an app."""
        return await self._connection.call("POST", "/v1/apps", AppView, app)

    async def app(self, uid: UUID) -> AppView:
        """Return an app."""
        return await self._connection.call("GET", f"/v1/apps/{uid}", AppView)

    def apps(self, name: str | None = None) -> AsyncIterator[AppView]:
        """Return the apps that the caller may use, newest first; `name` narrows to the versions of one."""
        return self._list("/v1/apps", AppView, {"name": name} if name else {})

    async def register_data(self, data: RegisterData) -> DataView:
        """Announce a data."""
        return await self._connection.call("POST", "/v1/data", DataView, data)

    async def store(self, uid: UUID, file: Path, size_bytes: int, moved: Moved = unwatched) -> None:
        """Upload the content of an announced data."""
        await self._connection.upload(f"/v1/data/{uid}/content", file, size_bytes, moved)

    async def data(self, uid: UUID) -> DataView:
        """Return a data."""
        return await self._connection.call("GET", f"/v1/data/{uid}", DataView)

    def datas(self) -> AsyncIterator[DataView]:
        """Return the caller's data, newest first."""
        return self._list("/v1/data", DataView, {})

    async def fetch_data(self, data: DataView, destination: Path, moved: Moved = unwatched) -> None:
        """Download the content of a data."""
        path = f"/v1/data/{data.uid}/content"
        await self._connection.download(path, destination, digest=data.digest, limit_bytes=data.size_bytes, moved=moved)

    # --- jobs and batches

    async def submit_jobs(self, jobs: SubmitJobs) -> JobsView:
        """Submit jobs: all of them or none."""
        return await self._connection.call("POST", "/v1/jobs", JobsView, jobs)

    async def job(self, uid: UUID) -> JobView:
        """Return a job with its attempts and outputs."""
        return await self._connection.call("GET", f"/v1/jobs/{uid}", JobView)

    def jobs(self, *, status: str | None = None, batch_uid: UUID | None = None) -> AsyncIterator[JobSummary]:
        """Return the caller's jobs, newest first."""
        params = {"status": status, "batch_uid": None if batch_uid is None else str(batch_uid)}
        return self._list("/v1/jobs", JobSummary, {key: value for key, value in params.items() if value})

    async def cancel_job(self, uid: UUID) -> JobSummary:
        """Cancel a job; doing it twice is doing it once."""
        return await self._connection.call("DELETE", f"/v1/jobs/{uid}", JobSummary)

    async def fetch_output(self, job_uid: UUID, output: Output, destination: Path, moved: Moved = unwatched) -> None:
        """Download an output of a job."""
        path = f"/v1/jobs/{job_uid}/outputs/{quote(output.name)}"
        await self._connection.download(
            path, destination, digest=output.digest, limit_bytes=output.size_bytes, moved=moved
        )

    async def submit_batch(self, batch: SubmitBatch) -> BatchView:
        """Submit a batch."""
        return await self._connection.call("POST", "/v1/batches", BatchView, batch)

    async def batch(self, uid: UUID) -> BatchView:
        """Return a batch."""
        return await self._connection.call("GET", f"/v1/batches/{uid}", BatchView)

    def batches(self) -> AsyncIterator[BatchView]:
        """Return the caller's batches, newest first."""
        return self._list("/v1/batches", BatchView, {})

    async def cancel_batch(self, uid: UUID) -> BatchView:
        """Cancel a batch with all its jobs."""
        return await self._connection.call("DELETE", f"/v1/batches/{uid}", BatchView)

    # --- members

    def hosts(self) -> AsyncIterator[HostView]:
        """Return the hosts of the grid; for administrators."""
        return self._list("/v1/hosts", HostView, {})

    async def revoke_host(self, uid: UUID) -> HostView:
        """Revoke a host: its certificate is refused from now on, and its attempts go to others."""
        return await self._connection.call("DELETE", f"/v1/hosts/{uid}", HostView)

    def users(self) -> AsyncIterator[UserView]:
        """Return the users of the grid; for administrators."""
        return self._list("/v1/users", UserView, {})

    async def revoke_user(self, uid: UUID) -> UserView:
        """Revoke a user."""
        return await self._connection.call("DELETE", f"/v1/users/{uid}", UserView)

    def groups(self) -> AsyncIterator[GroupView]:
        """Return the groups of the grid; for administrators."""
        return self._list("/v1/groups", GroupView, {})

    async def create_group(self, group: CreateGroup) -> GroupView:
        """Create a group."""
        return await self._connection.call("POST", "/v1/groups", GroupView, group)

    async def create_token(self, token: CreateToken) -> TokenReply:
        """Make a join token; for administrators."""
        return await self._connection.call("POST", "/v1/tokens", TokenReply, token)

    async def _list(self, path: str, item: type[ItemT], params: dict[str, str]) -> AsyncIterator[ItemT]:
        page_type = Page[item]  # type: ignore[valid-type] # the page's item is known only when the program runs
        cursor: str | None = None
        while True:
            page = await self._connection.call(
                "GET", path, page_type, params=params | ({"after": cursor} if cursor else {})
            )
            for entry in page.items:
                yield entry
            cursor = page.next
            if cursor is None:
                return
