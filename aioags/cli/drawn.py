"""
What is drawn on a terminal again and again in the same place: how a push goes on, how an outbox stands. Needs rich.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from aioags.cli.pushing import Throttles
from aioags.model.traffic import Traffic


class Bar:
    """
    A bar with the rate, the window, what slows it down and the time left. Off a terminal nothing is drawn.

    Args:
        clock: Seconds that never step back.

        wall: Reads the time of day.
    """

    def __init__(
        self, total: int | None, throttles: Throttles, *, clock: Callable[[], float], wall: Callable[[], datetime]
    ) -> None:
        self._clock, self._wall, self._begun = clock, wall, clock()
        self._throttles = throttles
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
            disable=not console.is_terminal,
            get_time=clock,
        )
        self._task = self._progress.add_task("Sending", total=total, pace="")

    def show(self, done: int, traffic: Sequence[Traffic]) -> None:
        """
        Draw it anew; see `aioags.cli.pushing.Drawn`.
        """
        pace = ", ".join(self._words(done, traffic))
        self._progress.update(self._task, completed=done, pace=pace)
        self._progress.refresh()

    def _words(self, done: int, traffic: Sequence[Traffic]) -> list[str]:
        passed = max(self._clock() - self._begun, 0.001)
        words = [f"{done / passed:.0f}/s"]
        busiest = max(traffic, key=lambda one: one.in_flight, default=None)
        if busiest is not None:
            words.append(f"{busiest.in_flight} of {busiest.window} in flight")
        if self._throttles.count:
            words.append(f"throttled {self._throttles.count} times")
        for one in traffic:
            if one.closed_until is not None and one.why is not None:
                seconds = max((one.closed_until - self._wall()).total_seconds(), 0)
                words.append(f"away ({one.why}), asked again in {seconds:.0f} s")
        return words

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._progress.stop()


class LiveTable:
    """
    Shown while the block runs.
    """

    def __init__(self, headings: Sequence[str]) -> None:
        self._headings = headings
        self._live = Live(auto_refresh=False)

    def show(self, rows: Sequence[Sequence[str]], caption: str) -> None:
        """
        Replace what is shown.

        Args:
            caption: A line below the table.
        """
        table = Table(box=None, pad_edge=False, caption=Text(caption, style="dim"), caption_justify="left")
        for place, heading in enumerate(self._headings):
            middle = 0 < place < len(self._headings) - 1
            table.add_column(heading, justify="right" if middle else "left", no_wrap=place == 0)
        for cells in rows:
            # As text: a platform's words may hold what rich takes for mark-up.
            table.add_row(*(Text(cell) for cell in cells))
        self._live.update(table, refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._live.stop()
