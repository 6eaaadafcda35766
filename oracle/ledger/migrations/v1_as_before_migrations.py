"""The tables as they were before there were migrations; `tests/data/homes/oracle-1.sql` has them."""

revision = "1"
down_revision = None
