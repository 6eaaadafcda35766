"""The task that Celery's worker and its client share; which Redis they use is told to each of them."""

from __future__ import annotations

import celery

app = celery.Celery("tests.bench.rivals.celery_app")
app.conf.task_acks_late = True


@app.task
def noop() -> None:
    """Do nothing."""
