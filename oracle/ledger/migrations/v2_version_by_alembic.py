"""The version of the tables moves from the book's row into a table of its own."""

from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """See above."""
    with op.batch_alter_table("book") as book:
        book.drop_column("schema_version")
