"""
``aioags items``: the columns of the gradebook, shown and changed.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import attrs
import typer

from aioags.cli.command import Run
from aioags.cli.config import OpenCourse
from aioags.cli.failures import CommandError, Status
from aioags.cli.items import the_item
from aioags.cli.shown import counted
from aioags.errors import CoupledLineItemError
from aioags.model.line_item import LineItem
from aioags.model.unreadable import Unreadable

HEADINGS = ("label", "score_maximum", "tag", "resource_id", "coupled", "id")

_MOST_DIGITS = 40


def points(text: str | float | Decimal) -> int | Decimal:
    """
    Read a number of points as it is written; an option's parser.
    """
    try:
        number = Decimal(str(text))
        # A number such as 1e999999999 is short, and its digits fill the memory.
        if number.is_finite() and abs(number.adjusted()) <= _MOST_DIGITS:
            return int(number) if number == number.to_integral_value() else number
    except InvalidOperation:
        pass
    raise typer.BadParameter(f"{str(text)[:20]!r} is no number of points; give one such as 100 or 7.5")


def instant(text: str | datetime) -> datetime:
    """
    Read a time with its zone; an option's parser.
    """
    if isinstance(text, datetime):
        return text
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        raise typer.BadParameter(f"{text[:40]!r} is no time with a zone; give one such as 2027-01-15T08:00+01:00")
    return read


Item = Annotated[str, typer.Argument(metavar="ITEM", help="its label, resource id or URL")]
Label = Annotated[str | None, typer.Option(help="the column's name")]
Maximum = Annotated[Any, typer.Option("--max", parser=points, metavar="POINTS", help="points of a perfect result")]
ResourceId = Annotated[str | None, typer.Option(metavar="ID", help="the tool's own name for it")]
Tag = Annotated[str | None, typer.Option(help="the tool's own mark")]
Link = Annotated[str | None, typer.Option(metavar="ID", help="the platform's link that it belongs to")]
Opens = Annotated[Any, typer.Option("--opens", parser=instant, metavar="TIME", help="when it opens, with a zone")]
Closes = Annotated[Any, typer.Option("--closes", parser=instant, metavar="TIME", help="when it closes, with a zone")]


@attrs.frozen
class Identity:
    """
    What tells line items apart that a tool made: options of several actions.
    """

    resource_id: ResourceId = None
    tag: Tag = None
    resource_link_id: Link = None


@attrs.frozen
class Changes:
    """
    What of a line item can be changed: options of an action.
    """

    label: Label = None
    score_maximum: Maximum = None
    resource_id: ResourceId = None
    tag: Tag = None
    start_date_time: Opens = None
    end_date_time: Closes = None


def record(item: LineItem, course: OpenCourse) -> dict[str, Any]:
    """
    Write a line item as a JSON-able record.
    """
    values = attrs.asdict(item, recurse=False)
    return {**values, "extensions": dict(item.extensions), "coupled": item.id == course.gradebook.coupled}


async def list_(run: Run, *, which: Identity) -> Status:
    """
    List this tool's line items.

    Example:
        aioags items list --tag quiz
    """
    odd: list[Unreadable] = []
    async with run.course() as course:
        listed = course.gradebook.line_items(**attrs.asdict(which), on_unreadable=odd.append)
        records = [record(item, course) async for item in listed]
    shown = records if run.json else [{**one, "coupled": "yes" if one["coupled"] else ""} for one in records]
    run.show(HEADINGS, shown, empty="no line items")
    return say_unreadable(run, odd)


def say_unreadable(run: Run, odd: list[Unreadable]) -> Status:
    """
    Tell what of a listing could not be read, and how the command ends.
    """
    for one in odd:
        run.note(f"{run.name}: one that cannot be read was left out: {one.error}")
    return Status.FAILED if odd else Status.OK


async def show(run: Run, *, item: Item) -> None:
    """
    Show one line item with all that the platform says of it.

    Example:
        aioags items show Midterm
    """
    async with run.course() as course:
        _say(run, record(await course.gradebook.get_line_item(await _found(course, item)), course))


async def _found(course: OpenCourse, wanted: str) -> LineItem | str:
    return wanted if wanted.startswith(("https://", "http://")) else await the_item(course, wanted)


def _say(run: Run, record: Mapping[str, Any]) -> None:
    shown = {name: value for name, value in record.items() if value not in (None, {}, False)}
    width = max(map(len, shown))
    lines = (f"{name.replace('_', ' '):{width}}  {'yes' if value is True else value}" for name, value in shown.items())
    run.tell(record, *lines)


async def create(
    run: Run,
    *,
    label: Annotated[str, typer.Option(help="the column's name")],
    score_maximum: Maximum = 100,
    which: Identity,
    start_date_time: Opens = None,
    end_date_time: Closes = None,
) -> None:
    """
    Create a line item. One with the same --resource-id, --tag and --resource-link-id is found instead, so that doing it
    twice makes one.

    Example:
        aioags items create --label Midterm --max 100 --resource-id midterm
    """
    dates = {"start_date_time": start_date_time, "end_date_time": end_date_time}
    async with run.course() as course:
        if which == Identity():
            made = await course.gradebook.create_line_item(LineItem(label, score_maximum, **dates))
        else:
            made = await course.gradebook.find_or_create_line_item(
                label=label, score_maximum=score_maximum, **attrs.asdict(which), **dates
            )
        _say(run, record(made, course))


async def update(run: Run, *, item: Item, changes: Changes) -> None:
    """
    Change a line item: what is not named stays. A new maximum makes Moodle rescale every grade.

    Example:
        aioags items update Midterm --label "Midterm (retake)"
    """
    if changes == Changes():
        raise CommandError("say what to change: --label, --max, --resource-id, --tag, --opens or --closes")
    async with run.course() as course:
        # As it is now: what a listing leaves out would be unset.
        read = await course.gradebook.get_line_item(await _found(course, item))
        given = attrs.asdict(changes, filter=lambda _, value: value is not None)
        _say(run, record(await course.gradebook.update_line_item(attrs.evolve(read, **given)), course))


async def delete(
    run: Run,
    *,
    item: Item,
    force: Annotated[bool, typer.Option("--force", help="also the one that belongs to the link itself")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """
    Delete a line item and every grade in it. It asks before; the link's own one takes --force.

    Example:
        aioags items delete "Quiz 3" --yes
    """
    async with run.course() as course:
        found = await _found(course, item)
        confirm(run, f"Delete {item!r} and every grade in it", yes=yes)
        try:
            await course.gradebook.delete_line_item(found, force=force)
        except CoupledLineItemError:
            raise CommandError(
                f"{item!r} belongs to the launched link itself, nothing was deleted: --force deletes it with its grades"
            ) from None
    run.tell({"deleted": found.id if isinstance(found, LineItem) else found}, "deleted")


def confirm(run: Run, question: str, *, yes: bool) -> None:
    """
    Ask the person at the terminal.

    Args:
        yes: It was said on the command line already.

    Raises:
        CommandError: The answer is no, or there is nobody to ask.
    """
    if yes:
        return
    if not run.terminal:
        raise CommandError("nothing was changed: say --yes, since nobody is here to ask")
    if run.world.ask(f"{question}? [y/N] ").strip().lower() not in ("y", "yes"):
        raise CommandError("nothing was changed", Status.FAILED)


async def dedupe(
    run: Run,
    *,
    which: Identity,
    delete: Annotated[bool, typer.Option("--delete", help="delete those without a result")] = False,
) -> None:
    """
    Show the line items that were made twice, and with --delete delete those without a result.

    Example:
        aioags items dedupe --resource-id midterm --delete
    """
    async with run.course() as course:
        found = await course.gradebook.dedupe_line_items(**attrs.asdict(which), delete=delete)
        groups = {
            "kept": [found.kept] if found.kept else [],
            "empty": [item for item in found.empty if item not in found.deleted],
            "in use": found.in_use,
            "deleted": found.deleted,
        }
        records = [{"is": name, **record(item, course)} for name, items in groups.items() for item in items]
    run.show(("is", "label", "id"), records, empty="no such line item")
    run.say(f"{counted(len(found.empty) + len(found.in_use), 'duplicate')}")


ACTIONS: Mapping[str, Callable[..., Coroutine[Any, Any, Status | None]]] = {
    "list": list_,
    "show": show,
    "create": create,
    "update": update,
    "delete": delete,
    "dedupe": dedupe,
}
"""Name: what it runs, in the order of the help."""
