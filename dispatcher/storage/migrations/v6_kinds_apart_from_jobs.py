"""The columns that only searches need move to tables of their own; each attempt keeps the files that it left."""

import sqlalchemy as sa
from alembic import op

revision = "6"
down_revision = "5"

#: of the vanity app that every dispatcher brings along
BUILT_IN_APP = "ce28dd3f166f86ae8ff8a39463653981"


def upgrade() -> None:
    """Fill the new tables before the columns go that they are filled from."""
    _make_tables_of_vanity()
    _make_tables_of_attempts()
    _split_hosts()
    _change_tokens_and_apps()
    _change_batches()
    _split_jobs()
    _split_attempts()


def _make_tables_of_vanity() -> None:
    op.create_table(
        "vanity_hosts",
        sa.Column("host_uid", sa.CHAR(32), nullable=False),
        sa.Column("keys_per_s", sa.Float, nullable=False),
        sa.Column("proven_keys_per_s", sa.Float, nullable=False),
        sa.Column("shares", sa.BigInteger, nullable=False),
        sa.Column("keys_proven", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("host_uid", name="pk_vanity_hosts"),
        sa.ForeignKeyConstraint(["host_uid"], ["hosts.uid"], name="fk_vanity_hosts_host_uid_hosts"),
    )
    op.create_table(
        "vanity_units",
        sa.Column("job_uid", sa.CHAR(32), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("keys_proven", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("job_uid", name="pk_vanity_units"),
        sa.ForeignKeyConstraint(["job_uid"], ["jobs.uid"], name="fk_vanity_units_job_uid_jobs"),
    )


def _make_tables_of_attempts() -> None:
    op.create_table(
        "attempt_claims",
        *_of_attempt("attempt_claims"),
        sa.Column("claim", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("job_uid", "attempt", "claim", name="pk_attempt_claims"),
    )
    op.create_table(
        "attempt_outputs",
        *_of_attempt("attempt_outputs"),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("job_uid", "attempt", "name", name="pk_attempt_outputs"),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name="fk_attempt_outputs_digest_blobs"),
    )


def _of_attempt(table: str) -> list[sa.Column[int] | sa.Column[str] | sa.ForeignKeyConstraint]:
    """Return the columns that name an attempt, new each time, with their foreign key."""
    return [
        sa.Column("job_uid", sa.CHAR(32), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_uid", "attempt"],
            ["attempts.job_uid", "attempts.number"],
            name=f"fk_{table}_job_uid_attempt_attempts",
        ),
    ]


def _split_hosts() -> None:
    op.execute(
        "INSERT INTO vanity_hosts (host_uid, keys_per_s, proven_keys_per_s, shares, keys_proven)"
        " SELECT uid, keys_per_s, proven_keys_per_s, shares, keys_proven FROM hosts"
    )
    with op.batch_alter_table("hosts") as hosts:
        for name in ("keys_per_s", "proven_keys_per_s", "shares", "keys_proven"):
            hosts.drop_column(name)
        hosts.add_column(sa.Column("owner_uid", sa.CHAR(32)))
        hosts.create_foreign_key("fk_hosts_owner_uid_users", "users", ["owner_uid"], ["uid"])


def _change_tokens_and_apps() -> None:
    with op.batch_alter_table("tokens") as tokens:
        tokens.add_column(sa.Column("issuer_uid", sa.CHAR(32)))
        tokens.create_foreign_key("fk_tokens_issuer_uid_users", "users", ["issuer_uid"], ["uid"])
    # an administrator could register other apps of this kind: they were for everybody too, but are not built in
    op.add_column("apps", sa.Column("built_in", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("apps", sa.Column("for_everybody", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(sa.text("UPDATE apps SET built_in = (uid = :uid)").bindparams(uid=BUILT_IN_APP))
    op.execute("UPDATE apps SET for_everybody = (kind = 'vanity')")
    with op.batch_alter_table("apps") as apps:
        apps.alter_column("kind", type_=sa.String())
        apps.alter_column("built_in", server_default=None)
        apps.alter_column("for_everybody", server_default=None)


def _change_batches() -> None:
    op.drop_index("ix_batches_open_searches", "batches")
    _create_partial_index("ix_batches_open_sources", "batches", ["match_class", "served_at"], "ended_at IS NULL")
    with op.batch_alter_table("searches") as searches:
        searches.drop_column("result_job_uid")


def _split_jobs() -> None:
    """The proof of a unit was kept by attempt; the number of the attempt that decided a job was not kept at all."""
    op.execute(
        "INSERT INTO vanity_units (job_uid, number, keys_proven) SELECT uid, unit_number,"
        " (SELECT coalesce(sum(keys_proven), 0) FROM attempts WHERE job_uid = jobs.uid)"
        " FROM jobs WHERE unit_number IS NOT NULL"
    )
    op.add_column("jobs", sa.Column("attempts_wanted", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("result_attempt", sa.BigInteger))
    op.execute("UPDATE jobs SET attempts_wanted = 1 WHERE status = 'pending'")
    op.execute(
        "UPDATE jobs SET result_attempt = (SELECT number FROM attempts WHERE job_uid = jobs.uid AND attempts.status ="
        " CASE jobs.status WHEN 'completed' THEN 'finished' WHEN 'failed' THEN 'failed' END)"
    )
    op.drop_index("ix_jobs_ready", "jobs")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("unit_number")
        jobs.alter_column("unit_keys", new_column_name="amount")
        jobs.alter_column("attempts_wanted", server_default=None)
    _create_partial_index("ix_jobs_ready", "jobs", ["match_class", "submitted_at", "uid"], "attempts_wanted > 0")


def _split_attempts() -> None:
    """A job's outputs are those of the attempt that decided it; the claims of attempts that ended are gone already."""
    op.execute(
        "INSERT INTO attempt_outputs (job_uid, attempt, name, digest, size_bytes)"
        " SELECT job_uid, result_attempt, name, digest, size_bytes"
        " FROM job_outputs LEFT JOIN jobs ON jobs.uid = job_outputs.job_uid"
    )
    op.drop_table("job_outputs")
    op.execute(
        "INSERT INTO attempt_claims (job_uid, attempt, claim)"
        " SELECT job_uid, number, shares.value FROM attempts, json_each(attempts.claimed) AS shares"
        " WHERE ended_at IS NULL"
    )
    op.add_column("attempts", sa.Column("blame", sa.String(32)))
    op.execute(
        "UPDATE attempts SET blame ="
        " CASE status WHEN 'failed' THEN 'job' WHEN 'lost' THEN 'host' WHEN 'revoked' THEN 'grid' END"
    )
    with op.batch_alter_table("attempts") as attempts:
        attempts.alter_column("keys_tried", new_column_name="amount")
        attempts.alter_column("keys_per_s", new_column_name="amount_per_s")
        attempts.drop_column("keys_proven")
        attempts.drop_column("claimed")


def _create_partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
