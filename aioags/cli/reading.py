"""
``aioags results``, ``roster`` and ``token``: what the platform shows, and what it lets this tool do.
"""

from __future__ import annotations

from typing import Annotated, Any

import attrs
import typer

from aioags.cli import probing
from aioags.cli.command import Run
from aioags.cli.failures import Status
from aioags.cli.items import the_item
from aioags.cli.line_items import say_unreadable
from aioags.cli.shown import counted, natural, shown_duration
from aioags.model.endpoint import asked_scopes
from aioags.model.unreadable import Unreadable

ItemOption = Annotated[
    str | None, typer.Option(metavar="ITEM", help="its label, resource id or URL; else the link's own")
]


async def results(
    run: Run,
    *,
    item: ItemOption = None,
    user: Annotated[str | None, typer.Option(metavar="ID", help="only this user's")] = None,
) -> Status:
    """
    Show what the gradebook shows. Comments are in the JSON only.

    Example:
        aioags results --item Midterm --json
    """
    odd: list[Unreadable] = []
    async with run.course() as course:
        found = await the_item(course, item)
        listed = course.gradebook.results(line_item=found, user_id=user, on_unreadable=odd.append)
        records = [_result(attrs.asdict(result, recurse=False), result.fraction) async for result in listed]
    records.sort(key=lambda one: natural(one["user_id"]))
    run.show(("user_id", "result_score", "result_maximum", "share"), records, empty="no results")
    if records:
        run.say(counted(len(records), "result"))
    return say_unreadable(run, odd)


def _result(values: dict[str, Any], fraction: float | None) -> dict[str, Any]:
    share = None if fraction is None else f"{fraction:.2%}"
    return {**values, "extensions": dict(values["extensions"]), "fraction": fraction, "share": share}


async def roster(
    run: Run, *, role: Annotated[str | None, typer.Option(help="only people with this role, such as Learner")] = None
) -> Status:
    """
    Show who is in the course, as far as the platform lets this tool see.

    Example:
        aioags roster --role Learner
    """
    odd: list[Unreadable] = []
    async with run.course() as course:
        listed = course.client.memberships(course.memberships, role=role, on_unreadable=odd.append)
        records = [
            {
                **attrs.asdict(
                    member, recurse=False, filter=lambda field, _: field.name not in ("message", "extensions")
                ),
                "sis_id": member.lis_person_sourcedid,
                "roles": list(member.roles),
                "extensions": dict(member.extensions),
                "role": ", ".join(dict.fromkeys(role.rpartition("#")[2] for role in member.roles)),
            }
            async for member in listed
        ]
    records.sort(key=lambda one: natural(one["user_id"]))
    run.show(("user_id", "name", "email", "sis_id", "role", "status"), records, empty="nobody")
    return say_unreadable(run, odd)


async def token(
    run: Run, *, show: Annotated[bool, typer.Option("--show", help="print the token itself")] = False
) -> Status:
    """
    Get an access token, and say what it is good for and how long. The token itself is shown only when asked for:
    whoever has it may change grades.

    Example:
        aioags token
    """
    target = run.target()
    asked = asked_scopes(target.endpoint)
    async with probing.opened(run) as transport:
        operation = probing.token_operation(run, target.registration, asked)
        _, grant = await probing.perform(transport, operation, run.world.now())
    missing = sorted(asked - grant.scopes)
    granted, secret = sorted(grant.scopes), {"access_token": grant.access_token} if show else {}
    run.tell(
        {"granted": granted, "missing": missing, "expires_in": grant.expires_in, **secret},
        *(f"granted      {scope}" for scope in granted),
        *(f"not granted  {scope}" for scope in missing),
        f"lives        {shown_duration(grant.expires_in)}",
        *secret.values(),
    )
    return Status.FAILED if missing else Status.OK
