"""The environment that alembic runs migrations in; it loads this file by its path.

The connection comes from `xwhep.sql.migrating`, which has begun the transaction and ends it.
"""

from __future__ import annotations

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=attributes["metadata"],
    on_version_apply=attributes["applied"],
)
context.run_migrations()
