"""The migrations of the dispatcher's database, a file a version; the commands of alembic are not needed.

To change a table: change it in `dispatcher.storage.tables`, and in the same commit add a file `v<number>_<name>.py` for
the next version:

    \"\"\"Say in one line what a person reads before the migration.\"\"\"

    import sqlalchemy as sa
    from alembic import op

    revision = "7"
    down_revision = "6"

    def upgrade() -> None:
        op.add_column("jobs", sa.Column("priority", sa.BigInteger, nullable=False, server_default="0"))
        op.execute("UPDATE jobs SET priority = 1 WHERE status = 'running'")
        with op.batch_alter_table("jobs") as jobs:
            jobs.alter_column("priority", server_default=None)

`v6_kinds_apart_from_jobs.py` shows more: tables that are split, foreign keys, an index of some rows only.

* Nothing is imported from our own modules: they go on, and a migration stays what it was. Write types as the database
  has them (an id CHAR(32), an enumeration VARCHAR(32), a moment DATETIME); move rows by statements, not one by one.
* `op.batch_alter_table` makes a table anew and copies its rows, which SQLite needs to change a column or a constraint.
  Foreign keys are off meanwhile and are all checked at the end. Constraints and indexes get the names of
  `xwhep.sql.columns.NAMES`, unless they are given others.
* A new column that may not be NULL needs a value for the rows that are there: a `server_default`, taken away again
  afterwards, since fresh tables have none.
* No step back: the copy that is made before is the way back.
* `tests/component/test_schemas.py`, which `make check` runs, compares a migrated database with a fresh one. A test with
  the data in `tests/data/homes` says what becomes of the rows.
"""
