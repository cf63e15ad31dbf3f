"""
``aioags outbox``: look into an outbox, try again what is dead or deferred, erase what must be forgotten.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from typing import Annotated, Any

import attrs
import typer

from aioags.cli.command import Run
from aioags.cli.failures import CommandError, Status
from aioags.cli.shown import aligned, counted, duration, shown_duration
from aioags.cli.stores import VARIABLE, MigratingStore, open_store
from aioags.outbox import PlatformStats, Selection, State, Stats, StoredScore, StoreError
from aioags.outbox.erasing import check_erasure

EMPTY = "the outbox is empty"

HEADINGS = ("registration", "due", "delayed", "deferred", "sent", "dead", "unknown", "oldest due", "left alone")

Registration = Annotated[str | None, typer.Option(metavar="ID", help="only of this registration")]
LineItem = Annotated[str | None, typer.Option(metavar="URL", help="only of this line item")]
User = Annotated[str | None, typer.Option(metavar="ID", help="only of this user")]


@attrs.frozen
class Which:
    """
    Which scores: options of several actions.
    """

    registration: Registration = None
    line_item: LineItem = None
    user: User = None

    @property
    def selection(self) -> Selection:
        """
        What a store is asked with.
        """
        return Selection(self.registration, self.line_item, self.user)


@asynccontextmanager
async def opened(run: Run) -> AsyncGenerator[MigratingStore, None]:
    """
    Open the outbox that the command is about.

    Raises:
        CommandError: None is named, or not rightly.
    """
    store = open_store(run.shared.store or run.world.environ.get(VARIABLE))
    async with aclosing(store):
        yield store


async def stats(run: Run) -> None:
    """
    Count the scores of each registration. As JSON: an array of one object for each.

    Example:
        aioags outbox stats --store /var/lib/app/grades.db
    """
    now = run.world.now()
    async with opened(run) as store:
        counts = await store.stats(now=now)
    shown = aligned([HEADINGS, *rows(counts, now)]) if counts.platforms else EMPTY
    run.tell([attrs.asdict(platform) for platform in counts.platforms], shown)


async def dead(run: Run, *, which: Which) -> None:
    """
    List the scores that were given up, each with the reason.

    Example:
        aioags outbox dead --registration school-7
    """
    await _list(run, which, State.DEAD, "given up")


async def deferred(run: Run, *, which: Which) -> None:
    """
    List the scores that were refused and are tried again, each with the reason.

    Example:
        aioags outbox deferred --json
    """
    await _list(run, which, State.DEFERRED, "deferred")


async def delayed(run: Run, *, which: Which) -> None:
    """
    List the scores that failed and are tried again, each with the reason.

    Example:
        aioags outbox delayed --user 4711
    """
    await _list(run, which, State.DUE, "waiting after a failure")


async def _list(run: Run, which: Which, state: State, called: str) -> None:
    after: tuple[str, str, str] | None = None
    count = 0
    async with opened(run) as store:
        while page := await store.listed(which.selection, state, after=after):
            for row in page:
                run.tell(_record(row), _described(row, run.world.now()))
            after = page[-1].key
            count += len(page)
    run.say(f"{counted(count, 'score')} {called}")


def _record(row: StoredScore) -> dict[str, Any]:
    return {
        "registration": row.registration_id,
        "line_item": row.line_item,
        "user": row.user_id,
        "since": row.since,
        "attempts": row.attempts,
        "may_have_landed": row.unsure,
        "next_attempt": (row.not_before or None) if row.state is not State.DEAD else None,
        "error": row.last_error,
    }


def _described(row: StoredScore, now: float) -> str:
    since = datetime.fromtimestamp(row.since, UTC).isoformat(sep=" ", timespec="seconds")
    tried = f"tried {row.attempts} times" if row.attempts != 1 else "tried once"
    following = f", again in {shown_duration(row.not_before - now)}" if row.not_before > now else ""
    unknown = ", may be recorded" if row.state is State.DEAD and row.unsure else ""
    place = f"{row.registration_id}  {row.line_item}  user {row.user_id}"
    return f"{place}\n    {since}, {tried}{following}{unknown}: {row.last_error}"


async def check(
    run: Run,
    *,
    max_age: Annotated[Any, typer.Option(parser=duration, metavar="TIME", help="oldest due score")] = "15m",
    max_dead: Annotated[int, typer.Option(min=0, help="scores given up, the unknown ones included")] = 0,
) -> Status:
    """
    Say in one line whether all is well, for a monitor: exit status 0 if so, 1 if not.

    Too old is a due score that waits for longer than --max-age, as none should while the outbox is drained; one that is
    deferred does not count.

    Example:
        aioags outbox check --max-age 15m --max-dead 0
    """
    now = run.world.now()
    async with opened(run) as store:
        counts = await store.stats(now=now)
    complaints = [
        f"{one.registration_id}: {said}"
        for one in counts.platforms
        for said in _complaints(one, now, max_age, max_dead)
    ]
    well = f"all well: {counted(counts.due, 'score')} due"
    run.tell({"ok": not complaints, "complaints": complaints}, "; ".join(complaints) or well)
    return Status.FAILED if complaints else Status.OK


def _complaints(platform: PlatformStats, now: float, max_age: float, max_dead: int) -> list[str]:
    said: list[str] = []
    if platform.oldest is not None and now - platform.oldest > max_age:
        away = "" if platform.block is None else f" ({platform.block.reason})"
        said.append(f"the oldest due score waits for {shown_duration(now - platform.oldest)}{away}")
    if platform.dead + platform.unknown > max_dead:
        said.append(f"{counted(platform.dead + platform.unknown, 'score')} given up: aioags outbox dead says why")
    return said


async def retry(
    run: Run,
    *,
    which: Which,
    all_: Annotated[bool, typer.Option("--all", help="all of them")] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help="also the delayed ones")] = False,
    restamp: Annotated[bool, typer.Option("--restamp", help="as of now: overwrite what made them stale")] = False,
) -> None:
    """
    Try dead and deferred scores again, at once.

    Example:
        aioags outbox retry --registration school-7
    """
    if which == Which() and not all_:
        raise CommandError("say which: --registration, --line-item, --user or --all")
    async with opened(run) as store:
        count = await store.retry(which.selection, now=run.world.now(), restamp=restamp, waiting=waiting)
    asked = (
        "platforms that were left alone are asked again"
        if which.registration is None
        else f"if the platform of {which.registration!r} was left alone, it is asked again"
    )
    run.tell({"due_again": count}, f"{counted(count, 'score')} due again; {asked}")


async def prune(
    run: Run,
    *,
    older_than: Annotated[Any, typer.Option(parser=duration, metavar="TIME", help="such as 12h or 90d")] = "30d",
    journal_older_than: Annotated[Any, typer.Option(parser=duration, metavar="TIME", help="of the journal")] = "400d",
    dead: Annotated[bool, typer.Option("--dead", help="also what was given up")] = False,
) -> None:
    """
    Forget what was recorded long ago, and what the journal tells of attempts long before.

    Example:
        aioags outbox prune --older-than 90d
    """
    now = run.world.now()
    async with opened(run) as store:
        attempts = await store.prune_attempts(before=now - journal_older_than)
        count = await store.prune(before=now - older_than, dead=dead)
    told = f"{counted(count, 'score')} and {counted(attempts, 'attempt')} of the journal forgotten"
    run.tell({"forgotten": count, "attempts_forgotten": attempts}, told)


async def erase(
    run: Run,
    *,
    registration: Annotated[str, typer.Option(metavar="ID", help="of this registration")],
    user: User = None,
    line_item: LineItem = None,
    lineitems: Annotated[str | None, typer.Option(metavar="URL", help="only this course, by its line items")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="really: nothing brings it back")] = False,
) -> None:
    """
    Forget a person, a column, a course or a registration, for good.

    Example:
        aioags outbox erase --registration school-7 --user 4711 --yes
    """
    try:
        check_erasure(registration, user_id=user, line_item=line_item, lineitems=lineitems)
    except ValueError as error:
        raise CommandError(str(error)) from None
    if not yes:
        raise CommandError("nothing was erased: say --yes, since nothing brings it back")
    async with opened(run) as store:
        erased = await store.erase(registration, user_id=user, line_item=line_item, lineitems=lineitems)
    items = f" and {counted(erased.line_items, 'line item')}" if erased.line_items else ""
    run.tell(attrs.asdict(erased), f"{counted(erased.scores, 'score')}{items} erased")
    if erased.remains is not None and not run.json:
        raise StoreError(erased.remains)


async def migrate(run: Run) -> None:
    """
    Make its tables, or bring them to the newest version.

    Example:
        aioags outbox migrate --store postgresql://localhost/app
    """
    async with opened(run) as store:
        await store.migrate()
    run.tell({"migrated": True}, "the outbox is of the newest version")


async def watch(
    run: Run, *, every: Annotated[Any, typer.Option(parser=duration, metavar="TIME", help="such as 5s or 1m")] = "2s"
) -> None:
    """
    Count again and again, until interrupted.

    Example:
        aioags outbox watch --every 5s
    """
    if every < 1:
        raise CommandError("--every must be at least 1s")
    async with opened(run) as store:
        await watch_store(run, store, every)


async def watch_store(run: Run, store: MigratingStore, every: float) -> None:
    """
    Show the counts of a store until interrupted. A store that goes away is shown as it was.
    """
    # When used: most commands draw nothing.
    from aioags.cli.drawn import LiveTable

    screen = LiveTable(HEADINGS) if run.terminal else nullcontext()
    shown = rows(await store.stats(now=run.world.now()), run.world.now())
    with screen as table:
        while True:
            now = run.world.now()
            caption = f"{datetime.fromtimestamp(now, UTC):%H:%M:%S} UTC, every {shown_duration(every)}, Ctrl-C ends"
            try:
                shown = rows(await store.stats(now=now), now)
            except StoreError as error:
                caption = f"{caption}; as it was before: {error}"
            caption = caption if shown else f"{EMPTY}; {caption}"
            if table is not None:
                table.show(shown, caption)
            else:
                # At once: whoever reads a pipe would wait for thousands of letters.
                print(*([aligned([HEADINGS, *shown])] if shown else []), caption, sep="\n", flush=True)
            await run.world.sleep(every)


def rows(stats: Stats, now: float) -> list[tuple[str, ...]]:
    """
    Write the counts of each registration as cells, in the order of `HEADINGS`.

    Args:
        now: Unix time.
    """
    return [_cells(platform, now) for platform in stats.platforms]


def _cells(platform: PlatformStats, now: float) -> tuple[str, ...]:
    counts = (platform.due, platform.delayed, platform.deferred, platform.sent, platform.dead, platform.unknown)
    oldest = "" if platform.oldest is None else shown_duration(now - platform.oldest)
    block = platform.block
    alone = "" if block is None else f"{shown_duration(block.until - now)}: {block.reason}"
    return (platform.registration_id, *(f"{count:,}" for count in counts), oldest, alone)


ACTIONS: Mapping[str, Callable[..., Coroutine[Any, Any, Status | None]]] = {
    "stats": stats,
    "check": check,
    "dead": dead,
    "deferred": deferred,
    "delayed": delayed,
    "retry": retry,
    "prune": prune,
    "erase": erase,
    "migrate": migrate,
    "watch": watch,
}
"""Name: what it runs, in the order of the help."""
