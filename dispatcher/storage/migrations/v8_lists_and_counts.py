"""Each list that can be asked for gets an index; batches get counts of their jobs by status."""

import sqlalchemy as sa
from alembic import op

revision = "8"
down_revision = "7"

STATUSES = ("pending", "running", "completed", "failed", "error", "cancelled")


def upgrade() -> None:
    """See above."""
    _index_members_and_catalogue()
    _index_jobs()
    _count_jobs()


def _index_members_and_catalogue() -> None:
    for table, moment in (("users", "joined_at"), ("hosts", "joined_at"), ("groups", "created_at")):
        op.create_index(f"ix_{table}_{moment}_uid", table, [moment, "uid"])
    _create_partial_index("ix_hosts_revoked", "hosts", ["revoked_at"], "revoked_at IS NOT NULL")
    op.create_index("ix_apps_registered_at_uid", "apps", ["registered_at", "uid"])
    op.create_index("ix_apps_for_everybody", "apps", ["for_everybody"])
    op.drop_index("ix_data_owner_uid_registered_at", "data")
    op.create_index("ix_data_owner_uid_registered_at_uid", "data", ["owner_uid", "registered_at", "uid"])


def _index_jobs() -> None:
    for table in ("batches", "jobs"):
        op.drop_index(f"ix_{table}_owner_uid_submitted_at", table)
        op.create_index(f"ix_{table}_owner_uid_submitted_at_uid", table, ["owner_uid", "submitted_at", "uid"])
    op.drop_index("ix_jobs_batch_uid_status", "jobs")
    by_status = ["status", "submitted_at", "uid"]
    op.create_index("ix_jobs_owner_uid_status_submitted_at_uid", "jobs", ["owner_uid", *by_status])
    of_batch = "batch_uid IS NOT NULL"
    _create_partial_index("ix_jobs_of_batch", "jobs", ["batch_uid", "submitted_at", "uid"], of_batch)
    _create_partial_index("ix_jobs_of_batch_by_status", "jobs", ["batch_uid", *by_status], of_batch)


def _count_jobs() -> None:
    """The counts are read off the index of each batch's jobs by status."""
    for status in STATUSES:
        op.add_column("batches", sa.Column(f"jobs_{status}", sa.BigInteger, nullable=False, server_default="0"))
    jobs = sa.table("jobs", sa.column("batch_uid"), sa.column("status"))
    batches = sa.table("batches", sa.column("uid"), *(sa.column(f"jobs_{status}") for status in STATUSES))
    counted = sa.select(sa.func.count()).where(jobs.c.batch_uid == batches.c.uid)
    counts = {f"jobs_{status}": counted.where(jobs.c.status == status).scalar_subquery() for status in STATUSES}
    op.execute(sa.update(batches).values(counts))
    with op.batch_alter_table("batches") as altered:
        for status in STATUSES:
            altered.alter_column(f"jobs_{status}", server_default=None)
    unfinished = "ended_at IS NOT NULL AND jobs_pending + jobs_running > 0"
    _create_partial_index("ix_batches_unfinished", "batches", ["ended_at"], unfinished)


def _create_partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
