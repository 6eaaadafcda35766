"""The version of the tables moves from the grid's row into a table of its own."""

from alembic import op

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """See above."""
    with op.batch_alter_table("grid") as grid:
        grid.drop_column("schema_version")
