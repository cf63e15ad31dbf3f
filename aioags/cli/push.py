"""
``aioags plan`` and ``aioags push``: a table of grades into the gradebook.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from aioags.cli.command import Run
from aioags.cli.config import OpenCourse
from aioags.cli.failures import CommandError, Status
from aioags.cli.grades import Grades, Wish, opened
from aioags.cli.kinds import FAILED, LineKind, described
from aioags.cli.outcomes import check_place, write_refused, write_report
from aioags.cli.pushing import Drawn, Outcomes, Sending, Throttles
from aioags.cli.shown import counted, duration
from aioags.cli.table_cells import read_maximum
from aioags.cli.table_columns import BY
from aioags.model.checks import Number
from aioags.model.policy import RetryPolicy
from aioags.outbox import Backoff, Outbox, SQLiteStore, StoreError

OUTBOX = "aioags-outbox.db"
"""Name of the outbox, beside the configuration."""

_LISTED = 20
# Somebody waits.
# What fails is tried again by the outbox.
_RETRY = RetryPolicy(attempts=3, total_time=10.0)
_BACKOFF = Backoff(first_wait=1.0, longest_wait=30.0)

# What became of each line is told at the end; else the outbox's warnings would stand between.
logging.getLogger("aioags.outbox").addHandler(logging.NullHandler())


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
    str, typer.Argument(metavar="TABLE", help="CSV, TSV, JSON Lines or XLSX; - is standard input", show_default=False)
]
Item = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="line item: label, resource id or URL  [default: the link's own]", show_default=False
    ),
]
Maximum = Annotated[
    str | None,
    typer.Option(
        "--max", metavar="N", help="what points are out of  [default: the line item's maximum]", show_default=False
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(BY),
        parser=_by,
        help="what people are named by  [default: the surest there is]",
        show_default=False,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="HEADING", help="of the points; email=HEADING of something else", show_default=False
    ),
]
Create = Annotated[bool, typer.Option("--create", help="make the line item when there is none", show_default=False)]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="also replace what is not known to come from here", show_default=False)
]


async def plan(
    run: Run,
    table: TableArgument,
    item: Item = None,
    maximum: Maximum = None,
    by: By = None,
    column: Columns = None,
    create: Create = False,
    overwrite: Overwrite = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="end with 1 when anything differs", show_default=False)
    ] = False,
) -> int:
    """
    Show what a push of a table would change, and send nothing.

    Example:
        aioags plan grades.csv --item "Midterm" --max 100
    """
    wish = Wish(table, item, _number(maximum), by, tuple(column or ()), create, overwrite)
    async with run.course() as course, opened(wish, course) as grades:
        path = course.target.path.parent / OUTBOX
        if path.exists():
            async with aclosing(SQLiteStore(path, create=False)) as store:
                await grades.compare(store)
        else:
            await grades.compare(None)
        _tell_plan(run, grades)
        if run.json:
            run.dump(grades.counts())
        differs = grades.to_send or any(grades.counts()[kind] for kind in (LineKind.OVERRIDDEN, LineKind.UNUSABLE))
        return Status.FAILED if exit_code and differs else Status.OK


async def push(
    run: Run,
    table: TableArgument,
    item: Item = None,
    maximum: Maximum = None,
    by: By = None,
    column: Columns = None,
    create: Create = False,
    overwrite: Overwrite = False,
    yes: Annotated[bool, typer.Option("--yes", help="send without asking", show_default=False)] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="what became of each line, as JSON Lines", show_default=False),
    ] = None,
    refused: Annotated[
        Path, typer.Option(metavar="FILE", help="the lines that failed, to be corrected and pushed")
    ] = Path("refused.csv"),
    wait: Annotated[
        float, typer.Option(metavar="TIME", parser=duration, show_default="2m", help="for a platform that is away")
    ] = 120.0,
) -> int:
    """
    Show what would change, ask, and send it; the same command again goes on where it was cut off.

    It ends with 0 when all is recorded, 1 when some is not, 2 when it was called wrongly, 3 when the platform does not
    let this tool in, 4 when it is away.

    Example:
        aioags push grades.csv --item "Midterm" --max 100
    """
    asks = run.terminal and not run.json and table != "-"
    if not (yes or asks):
        raise CommandError("push asks before it sends, and nobody is there: add --yes, or see aioags plan")
    wish = Wish(table, item, _number(maximum), by, tuple(column or ()), create, overwrite)
    _check_places(table, report, refused)
    throttles = Throttles()
    async with run.course(retry=_RETRY, on_event=throttles) as course, opened(wish, course) as grades:
        await _Push(run, course, grades, throttles, wait).run(asks=not yes)
        if report is not None:
            write_report(report, grades.spool)
        return _conclude(run, grades, refused)


class _Push:
    """
    One push: the outbox is open while it runs, and belongs to it alone.
    """

    def __init__(self, run: Run, course: OpenCourse, grades: Grades, throttles: Throttles, patience: float) -> None:
        self._run, self._grades, self._throttles = run, grades, throttles
        self._course, self._patience = course, patience
        self._outcomes = Outcomes(grades.spool)
        self._store = SQLiteStore(course.target.path.parent / OUTBOX)
        registrations = {course.name: course.registration}
        self._outbox = Outbox(
            self._store,
            course.client,
            registrations,
            backoff=_BACKOFF,
            look_first=True,
            patience=patience,
            on_recorded=self._outcomes.noting(LineKind.RECORDED),
            on_refused=self._outcomes.noting(LineKind.REFUSED),
            on_unknown=self._outcomes.noting(LineKind.UNKNOWN),
            on_deferred=self._outcomes.noting(LineKind.DEFERRED),
        )

    async def run(self, *, asks: bool) -> None:
        """
        Finish what an earlier push left, show what is to be done, and do it.
        """
        async with aclosing(self._outbox):
            if not await self._store.lead():
                raise StoreError(f"another push is under way: it has {self._store.path}")
            if self._grades.item.id is not None:
                await self._finish()
            await self._grades.compare(self._store)
            _tell_plan(self._run, self._grades)
            if self._grades.to_send and (not asks or self._consents()):
                await self._send()

    def _consents(self) -> bool:
        answer = self._run.world.ask(f"Send {counted(self._grades.to_send, 'grade')}? [y/N] ")
        return answer.strip().casefold() in ("y", "yes")

    def _sending(self) -> Sending:
        return Sending(self._course, self._grades.item, self._outbox, self._outcomes, self._patience)

    async def _finish(self) -> None:
        sending = self._sending()
        if await sending.is_begun():
            self._run.note("an earlier push was cut off: finishing it")
            done = await sending.finish(self._bar(None))
            self._run.note(f"{counted(done.recorded, 'grade')} of it recorded")
            self._outcomes.done = 0

    async def _send(self) -> None:
        total = self._grades.to_send
        await self._grades.refresh()
        await self._grades.make_item()
        try:
            await self._sending().send(self._grades.spool, self._grades.wish.kinds, self._bar(total))
        except asyncio.CancelledError:
            self._run.note(f"interrupted, {described(self._grades.spool.counts())}: the same command goes on")
            raise

    def _bar(self, total: int | None) -> Drawn:
        # When used: most commands draw none.
        from aioags.cli.bar import Bar

        return Bar(total, self._throttles, clock=time.monotonic, wall=lambda: datetime.now(UTC))


def _check_places(table: str, report: Path | None, refused: Path) -> None:
    check_place(refused)
    if report is not None:
        check_place(report)
        if report.resolve() in (Path(table).resolve(), refused.resolve()):
            raise CommandError(f"--report {report} would replace the table or --refused: name another file")


def _tell_plan(run: Run, grades: Grades) -> None:
    for line in grades.plan():
        run.say(line)


def _conclude(run: Run, grades: Grades, refused: Path) -> Status:
    counts = grades.counts()
    failed = Counter({kind: counts[kind] for kind in FAILED if counts[kind]})
    if failed:
        write_refused(refused, grades.table, grades.spool)
    # What is unusable was told before anything was sent.
    told = [kind for kind in FAILED if kind is not LineKind.UNUSABLE]
    if run.json:
        run.dump(counts)
    elif any(counts[kind] for kind in (LineKind.RECORDED, *told)):
        run.say(described(counts))
    for entry in next(grades.spool.pages(told), [])[:_LISTED]:
        run.say(f"  line {entry.line}: {entry.kind}: {entry.why}")
    if grades.to_send:
        run.say("nothing was sent")
        return Status.FAILED
    if not failed:
        return Status.OK
    run.say(f"{counted(failed.total(), 'line')} in {refused}: correct and push that, or the same again")
    return Status.UNREACHABLE if set(failed) == {LineKind.WAITING} else Status.FAILED
