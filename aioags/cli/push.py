"""
``aioags plan`` and ``aioags push``: a table of grades into the gradebook.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime
from logging import NullHandler
from pathlib import Path
from typing import Annotated, Any

import typer

from aioags.calls.log import logger
from aioags.cli.command import Run
from aioags.cli.config import OpenCourse
from aioags.cli.failures import CommandError, Status
from aioags.cli.grades import Grades, Wish, opened
from aioags.cli.kinds import FAILED, LineKind, described
from aioags.cli.outcomes import check_place, write_refused, write_report
from aioags.cli.pushing import Drawn, Outcomes, Sending, Throttles
from aioags.cli.shown import counted, duration
from aioags.cli.spool import STAYS
from aioags.outbox import Backoff, Outbox, SQLiteStore, StoreError

OUTBOX = "aioags-outbox.db"
"""Name of the outbox, beside the configuration."""

_LISTED = 20
# What fails is tried again by the outbox.
_ATTEMPTS = 3
# Somebody waits.
_BACKOFF = Backoff(first_wait=1.0, longest_wait=30.0)

# What became of each line is told at the end; else warnings would stand between.
logger.addHandler(NullHandler())


async def plan(
    run: Run,
    wish: Wish,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="end with 1 when anything differs")] = False,
) -> int:
    """
    Show what a push of a table would change, and send nothing.

    Example:
        aioags plan grades.csv --item "Midterm" --max 100
    """
    async with run.course() as course, opened(wish, course) as grades:
        path = course.target.path.parent / OUTBOX
        if path.exists():
            async with aclosing(SQLiteStore(path, create=False)) as store:
                await grades.compare(store)
        else:
            await grades.compare(None)
        run.tell(grades.counts(), *grades.plan())
        differs = grades.to_send or any(grades.counts()[kind] for kind in (LineKind.OVERRIDDEN, LineKind.UNUSABLE))
        return Status.FAILED if exit_code and differs else Status.OK


async def push(
    run: Run,
    wish: Wish,
    yes: Annotated[bool, typer.Option("--yes", help="send without asking")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="what became of each line, as JSON Lines")] = None,
    refused: Annotated[
        Path, typer.Option(metavar="FILE", help="the lines that failed, to be corrected and pushed")
    ] = Path("refused.csv"),
    wait: Annotated[Any, typer.Option(metavar="TIME", parser=duration, help="for a platform that is away")] = "2m",
) -> int:
    """
    Show what would change, ask, and send it; the same command again goes on where it was cut off.

    It ends with 0 when all is recorded, 1 when some is not, 2 when it was called wrongly, 3 when the platform does not
    let this tool in, 4 when it is away.

    Example:
        aioags push grades.csv --item "Midterm" --max 100
    """
    asks = run.terminal and not run.json and wish.path != "-"
    if not (yes or asks):
        raise CommandError("push asks before it sends, and nobody is there: add --yes, or see aioags plan")
    _check_places(wish.path, report, refused, run.config_path.parent / OUTBOX)
    throttles = Throttles()
    async with run.course(throttles, attempts=_ATTEMPTS) as course, opened(wish, course) as grades:
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
        cautious = self._grades.is_cautious
        try:
            await self._sending().send(self._grades.spool, self._grades.wish.kinds, self._bar(total), cautious=cautious)
            if cautious and self._grades.spool.is_scaled(self._grades.item.score_maximum):
                # Out of the item's own maximum Canvas shows the tool its own number, whatever stands there.
                await self._grades.show()
                self._grades.spool.find_kept()
        except asyncio.CancelledError:
            self._run.note(f"interrupted, {described(self._grades.spool.counts())}: the same command goes on")
            raise

    def _bar(self, total: int | None) -> Drawn:
        # When used: most commands draw none.
        from aioags.cli.drawn import Bar

        return Bar(total, self._throttles, clock=time.monotonic, wall=lambda: datetime.now(UTC))


def _check_places(table: str, report: Path | None, refused: Path, outbox: Path) -> None:
    for path in (refused, outbox):
        check_place(path)
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
    ended = [kind for kind in FAILED if kind is not LineKind.UNUSABLE]
    found = next(grades.spool.pages([*ended, LineKind.KEPT]), [])
    told = [entry for entry in found if entry.kind != LineKind.KEPT or entry.why == STAYS]
    if run.json:
        run.dump(counts)
    elif told or counts[LineKind.RECORDED]:
        run.say(described(counts))
    for entry in told[:_LISTED]:
        run.say(f"  line {entry.line}: {entry.kind}: {entry.why}")
    if grades.to_send:
        run.say("nothing was sent")
        return Status.FAILED
    if not failed:
        return Status.OK
    run.say(f"{counted(failed.total(), 'line')} in {refused}: correct and push that, or the same again")
    return Status.UNREACHABLE if set(failed) == {LineKind.WAITING} else Status.FAILED
