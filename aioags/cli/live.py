"""
A table that is drawn again and again in the same place. Needs rich: the extra ``cli``.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.table import Table
from rich.text import Text


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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
