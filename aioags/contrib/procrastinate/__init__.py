"""
procrastinate as the job engine of an outbox in PostgreSQL: several machines drain, and take over from each other.

The truth is the outbox's table; a job only wakes a line item, so it may come twice, late or not at all:

- `enqueue` puts scores and wakes their line items in the caller's own transaction.
- ``aioags:drain`` drains one line item. Its lock keeps a second one waiting; its queueing lock keeps a third one out.
  It never raises for what a platform says, and has no retry: what is to be tried again says so in its row. Of one
  registration only some run at once in a process; the others come back when one ends.
- ``aioags:sweep``, every 10 seconds, wakes whatever is due and has no job: scores whose time has come, wake-ups that
  were spent before their transaction committed, and what a dead worker has left.
- ``aioags:tidy``, every hour, prunes the outbox and deletes finished jobs that a worker has kept.

A job holds the registration id and the line item's URL, nothing else: no grade and no user id reaches an engine's log.
"""

from aioags.contrib.procrastinate.enqueuing import enqueue, enqueue_async
from aioags.contrib.procrastinate.jobs import WORKER, WorkerOptions, add_tasks
from aioags.contrib.procrastinate.waking import QUEUE, wake

__all__ = ["QUEUE", "WORKER", "WorkerOptions", "add_tasks", "enqueue", "enqueue_async", "wake"]
