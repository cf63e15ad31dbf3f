"""
What became of a score, and of a batch of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from aioags.errors import AGSError
from aioags.model.canvas import CANVAS_SUBMISSION
from aioags.model.score import Score
from aioags.model.value import value

FAILURES_KEPT = 10_000
"""How many failed deliveries a `Report` keeps: about 10 MiB. Every one beyond is counted."""


@value
class Delivery:
    """
    What became of one score.

    Attributes:
        score: The caller's own object.

        line_item: URL of the line item it was for.

        attempts: How often it was sent. 0: it never was.

        error: Why it is not recorded. None: it is.

        timestamp: The stamp that went over the wire: the score's own, or a later one when the package stamped it and
            the platform would have taken two within one second for the same. None: never sent.

        restamped: What the platform may have stored instead, by its own clock (whole seconds, UTC): some do for a score
            without a value, and for a coupled line item. None: it keeps `timestamp`, or has nothing.

        waited_for: Class name of the error of an outage that the score waited for. None: there was none.

        answer: The JSON object that the platform said besides yes, such as Canvas's ``resultUrl`` and the files that it
            fetches. None: it said no more, or what became of the score was found out otherwise. Not shown.
    """

    score: Score
    line_item: str | None
    attempts: int = 0
    error: AGSError | None = None
    timestamp: datetime | None = None
    restamped: datetime | None = None
    waited_for: str | None = None
    answer: Mapping[str, Any] | None = attrs.field(default=None, hash=False, repr=False)

    @property
    def result_url(self) -> str | None:
        """
        Where the platform says that the result is: Canvas's ``resultUrl``. None: it does not say.
        """
        url = None if self.answer is None else self.answer.get("resultUrl")
        return url if isinstance(url, str) else None

    @property
    def progress_urls(self) -> tuple[str, ...]:
        """
        Where Canvas tells how far it is with each file that it fetches, in the order of the files. Empty: there are
        none.
        """
        said = None if self.answer is None else self.answer.get(CANVAS_SUBMISSION)
        items = said.get("content_items") if isinstance(said, Mapping) else None
        found = (item.get("progress") for item in items if isinstance(item, Mapping)) if isinstance(items, list) else ()
        return tuple(url for url in found if isinstance(url, str))

    @property
    def recorded(self) -> bool | None:
        """
        True: the platform has it. False: surely not. None: nobody knows.
        """
        return True if self.error is None else self.error.recorded


@attrs.define
class Report:
    """
    What became of a batch: counts, and the failed deliveries in order of completion.

    Attributes:
        total: Scores taken from the source.

        recorded: Scores that the platform has.

        unknown: Scores of which nobody knows; their errors have ``recorded`` None.

        failed: The deliveries with an error, unknown ones included; at most `FAILURES_KEPT` of them.

        omitted: How many failed deliveries `failed` does not hold.

        waited: How many scores waited because the platform was away.

        waited_for: Class names of the errors of such outages.
    """

    total: int = 0
    recorded: int = 0
    unknown: int = 0
    failed: list[Delivery] = attrs.field(factory=list, repr=False)
    omitted: int = 0
    waited: int = 0
    waited_for: set[str] = attrs.field(factory=set)

    @property
    def ok(self) -> bool:
        """
        True when every score was recorded.
        """
        return self.recorded == self.total

    def add(self, delivery: Delivery) -> None:
        """
        Count one more delivery.
        """
        self.total += 1
        if delivery.waited_for is not None:
            self.waited += 1
            self.waited_for.add(delivery.waited_for)
        if delivery.error is None:
            self.recorded += 1
            return
        self.unknown += delivery.recorded is None
        if len(self.failed) < FAILURES_KEPT:
            self.failed.append(delivery)
        else:
            self.omitted += 1

    def __str__(self) -> str:
        refused = self.total - self.recorded - self.unknown
        parts = [f"{self.recorded} of {self.total} scores recorded"]
        if refused:
            parts.append(f"{refused} not recorded")
        if self.unknown:
            parts.append(f"{self.unknown} unknown")
        if self.waited:
            parts.append(f"{self.waited} waited while the platform was away ({', '.join(sorted(self.waited_for))})")
        if self.failed:
            kinds: dict[str, int] = {}
            for delivery in self.failed:
                kinds[type(delivery.error).__name__] = kinds.get(type(delivery.error).__name__, 0) + 1
            parts.append(", ".join(f"{count} {name}" for name, count in sorted(kinds.items())))
        return "; ".join(parts)
