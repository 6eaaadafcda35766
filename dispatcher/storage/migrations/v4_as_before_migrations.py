"""The tables as they were before there were migrations.

`tests/data/homes/dispatcher-4.sql` has them. Nothing leads to this version: databases that are older are not migrated,
and a fresh one gets the newest tables at once.
"""

revision = "4"
down_revision = None
