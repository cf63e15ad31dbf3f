"""
A nightly job of procrastinate that puts only what changed, and says what drifted.

Add it to the app of `outbox_worker.py`; there is one run of each night, on one of the workers:

    add_nightly(app, outbox, columns)
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Callable, Iterable

import attrs
import procrastinate

from aioags import AGSError, Endpoint, Score
from aioags.outbox import Outbox, StoreError

logger = logging.getLogger("grades.nightly")


@attrs.frozen
class Column:
    """
    One column that your tool keeps in step.

    Attributes:
        registration_id: Your name for the registration.

        endpoint: The one of a launch, as you stored it.

        line_item: Its URL.

        scores: Makes the scores as they should be.
    """

    registration_id: str
    endpoint: Endpoint
    line_item: str
    scores: Callable[[], Iterable[Score] | AsyncIterable[Score]]


async def sync(outbox: Outbox, columns: Iterable[Column]) -> None:
    """
    Put what differs; a column that cannot be read costs no other.
    """
    for column in columns:
        place = (column.registration_id, column.line_item)
        try:
            async for drift in outbox.drift(column.registration_id, line_item=column.line_item):
                # Whose it is stays out of the log: outbox.history tells.
                logger.info("%s, %s: a grade of ours of %s was changed", *place, drift.sent.timestamp)
        except ValueError:
            logger.info("%s, %s: nothing was sent yet", *place)
        except (AGSError, StoreError):
            logger.exception("%s, %s: cannot be read tonight", *place)
            continue
        try:
            plan = await outbox.plan(
                column.registration_id, column.endpoint, column.scores(), line_item=column.line_item
            )
            logger.info("%s, %s: %s", *place, plan)
            await plan.apply()
        except (AGSError, StoreError):
            logger.exception("%s, %s: is not in step tonight", *place)


def add_nightly(app: procrastinate.App, outbox: Outbox, columns: Callable[[], Iterable[Column]]) -> None:
    """
    Let the app's workers do so at 02:17, by the clock of the machine.
    """

    @app.periodic(cron="17 2 * * *")
    @app.task(name="grades:nightly", queueing_lock="grades:nightly", lock="grades:nightly")
    async def nightly(timestamp: int) -> None:
        await sync(outbox, columns())
