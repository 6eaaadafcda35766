"""Ready jobs lie by class and owner, hosts' lost attempts by host; small content is kept in its row."""

import sqlalchemy as sa
from alembic import op

revision = "7"
down_revision = "6"

#: the deadline of a job that has none
NEVER = "9999-12-31 00:00:00.000000"


def upgrade() -> None:
    """Change the index of ready jobs together with the columns that it orders by."""
    op.add_column("blobs", sa.Column("content", sa.LargeBinary))
    op.drop_index("ix_jobs_ready", "jobs")
    op.add_column("jobs", sa.Column("priority", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("deadline", sa.DateTime(timezone=True), nullable=False, server_default=NEVER))
    with op.batch_alter_table("jobs") as jobs:
        jobs.alter_column("priority", server_default=None)
        jobs.alter_column("deadline", server_default=None)
    queue: list[str | sa.TextClause] = ["match_class", "owner_uid"]
    order: list[str | sa.TextClause] = [sa.text("priority DESC"), "deadline", "submitted_at", "uid"]
    _create_partial_index("ix_jobs_ready", "jobs", queue + order, "attempts_wanted > 0")
    _create_partial_index("ix_attempts_lost_by_host", "attempts", ["host_uid", "ended_at"], "blame IS NOT NULL")


def _create_partial_index(name: str, table: str, columns: list[str | sa.TextClause], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
