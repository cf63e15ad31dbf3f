"""
A table, the line item it is for, and what would change there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import attrs
import typer

from aioags.cli.config import OpenCourse
from aioags.cli.failures import CommandError
from aioags.cli.items import find_item
from aioags.cli.kinds import LineKind, described
from aioags.cli.people import People
from aioags.cli.spool import Line, Spool
from aioags.cli.table import BadLine, GradesTable, Row
from aioags.cli.table_cells import read_maximum
from aioags.cli.table_columns import BY
from aioags.cli.table_files import open_source
from aioags.errors import AGSError
from aioags.model.canvas import is_canvas
from aioags.model.checks import Number
from aioags.model.line_item import LineItem
from aioags.model.member import Member
from aioags.outbox import Store
from aioags.outbox.planning import Memory

_LISTED = 10
_FRESH = 60.0
"""Seconds for which what the platform showed counts as what it shows."""

_HEADS = {
    LineKind.NEW: "new",
    LineKind.CHANGED: "changed",
    LineKind.OVERRIDDEN: "overridden",
    LineKind.KEPT: "kept by the platform, whatever is sent",
    LineKind.UNUSABLE: "unusable (not sent)",
}


def _number(text: str | None) -> Number | None:
    try:
        return read_maximum(text, commas=False)
    except ValueError as error:
        raise CommandError(f"--max: {error}") from None


def _by(text: str) -> str:
    if text not in BY:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(BY)}")
    return text


TableArgument = Annotated[
    str, typer.Argument(metavar="TABLE", help="CSV, TSV, JSON Lines or XLSX; - is standard input")
]
_ITEM = "line item: label, resource id or URL  [default: the link's own]"
Item = Annotated[str | None, typer.Option(metavar="NAME", help=_ITEM)]
_MAXIMUM = "what points are out of  [default: the line item's maximum]"
Maximum = Annotated[Any, typer.Option("--max", metavar="N", help=_MAXIMUM)]
_BY = "what people are named by  [default: the surest there is]"
By = Annotated[str | None, typer.Option(metavar="|".join(BY), parser=_by, help=_BY)]
_COLUMNS = "of the points; email=HEADING of something else"
Columns = Annotated[list[str] | None, typer.Option("--column", metavar="HEADING", help=_COLUMNS)]
Create = Annotated[bool, typer.Option("--create", help="make the line item when there is none")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="also replace what is not known to come from here")]


@attrs.frozen
class Wish:
    """
    What is asked for: the options of ``plan`` and ``push``.

    Attributes:
        path: Of the table; ``-`` for standard input.

        maximum: What points are out of where a line does not say. None: the line item's maximum.

        columns: Headings, as for `aioags.cli.table_columns.choose_columns`.
    """

    path: TableArgument
    item: Item = None
    maximum: Maximum = attrs.field(default=None, converter=_number)
    by: By = None
    columns: Columns = None
    create: Create = False
    overwrite: Overwrite = False

    @property
    def kinds(self) -> tuple[LineKind, ...]:
        """
        What is to be sent.
        """
        return (
            (LineKind.NEW, LineKind.CHANGED, LineKind.OVERRIDDEN)
            if self.overwrite
            else (LineKind.NEW, LineKind.CHANGED)
        )


@attrs.define
class Grades:
    """
    A table compared with its line item. Make it with `opened`.

    Attributes:
        item: Without an id: it is not there yet.

        at: When it was compared, by a clock that never steps back.
    """

    wish: Wish
    course: OpenCourse
    item: LineItem
    table: GradesTable
    spool: Spool
    at: float = 0.0

    async def compare(self, store: Store | None) -> None:
        """
        Read what the platform shows, and what the outbox knows to have sent; None: nothing is known.
        """
        if store is not None and self.item.id is not None:
            async for record in Memory(store, self.course.name).last_sent(self.item.id):
                self.spool.sent(record)
        await self.show()
        self.spool.compare(hides=self.is_cautious)

    async def show(self) -> None:
        """
        Read what the platform shows.
        """
        if self.item.id is not None:
            await self.spool.show(self.course.gradebook.results(line_item=self.item))
        self.at = time.monotonic()

    async def refresh(self) -> None:
        """
        Read again what the platform shows, if that was a while ago; what changed since is somebody else's.
        """
        if time.monotonic() - self.at > _FRESH:
            self.spool.keep_shown()
            await self.show()
            self.spool.compare(hides=self.is_cautious)
            self.spool.override_what_changed()

    async def make_item(self) -> None:
        """
        Make the line item, if it is not there yet.
        """
        if self.item.id is None:
            self.item = await self.course.gradebook.find_or_create_line_item(
                label=self.item.label, score_maximum=self.item.score_maximum, resource_id=self.item.resource_id
            )

    @property
    def is_cautious(self) -> bool:
        """
        True where a grade that a teacher alone gave does not show, and is to stay.
        """
        return is_canvas(self.item.id or self.course.endpoint.lineitems) and not self.wish.overwrite

    @property
    def to_send(self) -> int:
        """
        How many lines are to be sent.
        """
        counts = self.spool.counts()
        return sum(counts[kind] for kind in self.wish.kinds)

    def counts(self) -> Counter[str]:
        """
        Count the lines of each kind, those without a grade, and whom only the platform shows.
        """
        more = {"without_grade": self.table.without_grade, "only_on_platform": self.spool.only_on_platform()}
        return Counter({**{str(kind): count for kind, count in self.spool.counts().items()}, **more})

    def plan(self) -> list[str]:
        """
        Write what would change, a line each; of many only the first.
        """
        making = "" if self.item.id else ", to be made"
        sheet = self.table.source.sheet
        lines = [f"{self.item.label}, out of {self.item.score_maximum}{making}"]
        lines += [] if sheet is None else [f"from the sheet {sheet!r}, which is in front"]
        lines.append(described(self.counts()))
        counts = self.spool.counts()
        for kind, head in _HEADS.items():
            if counts[kind]:
                lines.append(f"{head}{self._fate(kind)}:")
                lines += [f"  {_described(entry)}" for entry in next(self.spool.pages([kind]))[:_LISTED]]
            if counts[kind] > _LISTED:
                lines.append(f"  … and {counts[kind] - _LISTED} more")
        return lines

    def _fate(self, kind: LineKind) -> str:
        if kind is LineKind.NEW and self.is_cautious:
            return " (where a teacher alone gave a grade, which does not show, that stays; --overwrite replaces it)"
        if kind is not LineKind.OVERRIDDEN:
            return ""
        return " (to be replaced)" if self.wish.overwrite else " (left as it is; --overwrite replaces it)"


def _described(entry: Line) -> str:
    if entry.kind == LineKind.UNUSABLE or entry.row is None:
        return f"line {entry.line}: {entry.why}"
    who = entry.person if entry.person == entry.user_id else f"{entry.person} ({entry.user_id})"
    before = "" if entry.shown is None else f"{entry.shown} → "
    # Of what is new there is nothing to say.
    why = f": {entry.why}" if entry.why and entry.kind != LineKind.NEW else ""
    comment = ", with a comment" if entry.row.comment else ""
    return f"line {entry.line}  {who}  {before}{entry.row.points} of {entry.row.maximum}{comment}{why}"


@asynccontextmanager
async def opened(wish: Wish, course: OpenCourse) -> AsyncIterator[Grades]:
    """
    Open a table for as long as the block runs, find its line item and its people.

    Raises:
        TableError, ColumnError: It is no table, or its columns do not say what is needed.

        CommandError: There is no such line item, or people cannot be found as asked.
    """
    # Before anything is asked of anybody.
    file, source = open_source(wish.path)
    with file, Spool() as spool:
        roster = await _Roster.begin(course)
        item = await _item(wish, course)
        maximum = wish.maximum or item.score_maximum
        named = wish.columns or ()
        table = GradesTable(file, source, by=wish.by, named=named, label=item.label, maximum=maximum)
        with People(table.columns.by) as people:
            spool.read(map(_whole, table.rows()), await roster.finder(people))
        yield Grades(wish, course, item, table, spool)


async def _item(wish: Wish, course: OpenCourse) -> LineItem:
    item = await find_item(course.gradebook, wish.item)
    if item is not None:
        return item
    if not wish.create:
        raise CommandError(f"there is no line item {wish.item!r}: --create makes it, aioags items list shows all")
    if wish.maximum is None:
        raise CommandError("--create needs --max: what the new line item is out of")
    return LineItem(str(wish.item), wish.maximum, resource_id=wish.item)


@attrs.frozen
class _Roster:
    """
    The people of the course, of whom the first is read at once: the access token for them is good for grades as well,
    and at Canvas each token costs a third of what a minute allows.

    Attributes:
        error: Why they cannot be read. None: they can.
    """

    members: AsyncIterator[Member]
    error: Exception | None = None

    @classmethod
    async def begin(cls, course: OpenCourse) -> _Roster:
        try:
            members = course.client.memberships(course.memberships)
            first = await anext(members, None)
        except (AGSError, CommandError) as error:
            return cls(_nobody(), error)
        return cls(_behind(first, members))

    async def finder(self, people: People) -> Callable[[str], str]:
        if self.error is None:
            await people.read(self.members)
            return people.user_id
        if people.by == "user_id":
            # Nobody can tell who is in the course; the platform will.
            return str
        raise self.error


async def _behind(first: Member | None, members: AsyncIterator[Member]) -> AsyncIterator[Member]:
    if first is not None:
        yield first
    async for member in members:
        yield member


async def _nobody() -> AsyncIterator[Member]:
    return
    yield


def _whole(read: Row | BadLine) -> Row | BadLine:
    """
    Refuse a table that ends in the middle: what is behind may be most of it.
    """
    if isinstance(read, BadLine) and read.line == 0:
        raise CommandError(read.why)
    return read
