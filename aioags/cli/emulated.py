"""
``aioags demo`` and ``aioags emulator``: an LMS on one's own desk.
"""

from __future__ import annotations

import time
from typing import Annotated

import typer

from aioags.cli.command import Run
from aioags.cli.failures import Status
from aioags.grading.join import join_results
from aioags.model.endpoint import Endpoint
from aioags.model.registration import Registration
from aioags.model.score import Score

# Numbers, as Moodle wants them.
_STRANGERS = ("900001", "900002", "900003")


async def demo(
    run: Run,
    *,
    profile: Annotated[str, typer.Option(metavar="NAME", help="which LMS is emulated")] = "spec",
    people: Annotated[int, typer.Option(min=1, max=10_000, help="how many learners")] = 500,
) -> None:
    """
    Push a class list into an emulated LMS, over real HTTP, read the results back, and see what a teacher then changed.

    Example:
        aioags demo --profile moodle
    """
    # Nobody else pays for the emulator.
    from aioags.emulator import Platform, serve

    platform = Platform.create(profile, users=people)
    users = platform.users()
    async with serve(platform), run.client() as client:
        registration = Registration(**platform.registration_args())
        gradebook = client.gradebook(registration, Endpoint.from_claim(platform.endpoint_claim()))
        run.say(f"Platform   {registration.issuer}, an emulated {profile}")
        item = await gradebook.find_or_create_line_item(
            label="Midterm", score_maximum=100, resource_id="midterm", tag="grade"
        )
        run.say(f"Line item  {item.label}, out of {item.score_maximum}")
        run.say(f"Grades     {len(users)}, and {len(_STRANGERS)} for people who are not in the course")
        points = {user: 40 + place * 7 % 61 for place, user in enumerate((*users, *_STRANGERS))}
        scores = [Score.graded(user, given, score_maximum=100) for user, given in points.items()]
        plan = await gradebook.plan(scores, line_item=item)
        run.say(f"Plan       {plan}")
        began = time.perf_counter()
        report = await plan.apply()
        seconds = time.perf_counter() - began
        run.say(f"Recorded   {report.recorded} of {report.total}, in {seconds:.1f} s")
        for delivery in report.failed:
            run.say(f"Refused    {delivery.score.user_id}: {delivery.error}")
        shown = join_results(users, gradebook.results(line_item=item), key=str)
        same = [one async for one in shown if one.result is not None and _is(one.result.fraction, points[one.user_id])]
        run.say(f"Read back  {len(same)} results as they were sent, of {len(users)} people")
        platform.override(item.id or "", users[0], 99)
        refused = {delivery.score.user_id for delivery in report.failed}
        sent = {score.user_id: score for score in scores if score.user_id not in refused}
        again = await gradebook.plan(scores, line_item=item, last_sent=sent)
        run.say(f"Regraded   one, by a teacher. What would be sent now: {again}")
    run.tell({"recorded": report.recorded, "refused": len(report.failed), "read_back": len(same)})


def _is(fraction: float | None, points: int) -> bool:
    return fraction is not None and abs(fraction - points / 100) < 1e-9


def emulator(
    run: Run, *, arguments: Annotated[list[str] | None, typer.Argument(metavar="OPTIONS")] = None
) -> Status | int:
    """
    Run an emulated LMS until interrupted.

    Example:
        aioags emulator --profile moodle --page --config aioags.toml
    """
    from aioags.emulator.doors.cli import main

    return main(arguments or [], program=run.name)
