"""
How a push goes on, drawn on a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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
        self,
        total: int | None,
        throttles: Throttles,
        *,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
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

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._progress.stop()
