"""
The guides' programs and the tutorial's tool, as the pages have them, where tables, courses and platforms are dirty.

Whatever is dirty: a grade that can be recorded is, nothing else is, and what is not is named.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

from aioags import Client, Registration
from aioags.config import read_config
from aioags.emulator import AppLauncher, Fault, Platform, serve
from aioags.emulator.doors.config_file import write_config
from aioags.launch import ToolSettings
from tests.launch.examples import load
from tests.test_docs import ROOT, blocks, run
from tests.test_tutorial import FILES, STEPS, follow

EVERYWHERE = ["spec", "moodle", "canvas", "blackboard", "brightspace", "openedx", "sakai", "schoology"]
STRANGER = "4711"
AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
BATCH = ("token", "list_line_items", "list_results", "post_score")


async def program(page: str) -> dict[str, Any]:
    """
    Return what the first block of a guide makes.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    path = ROOT / "docs" / "guides" / page
    first = blocks(path.read_text(encoding="utf-8"))[0]
    # The page's own call of it is for the page's own table.
    await run(first.code.partition("\n\n\nasyncio.run(")[0], names, where=str(path), line=first.line)
    return names


def away_for_a_moment(platform: Platform, *operations: str) -> None:
    """
    Let each of these fail once: with a status, or with the connection.
    """
    for number, operation in enumerate(operations):
        once = (
            Fault.answer(503, operation=operation, times=1) if number % 2 else Fault.reset(operation=operation, times=1)
        )
        platform.faults.add(once)


@attrs.frozen
class Batch:
    """
    The program of a guide that sends a whole table.

    Attributes:
        send: Runs it with rows of user id and points.
    """

    platform: Platform
    send: Callable[[list[tuple[str, Any]]], Any]
    maximum: int

    def shown(self) -> dict[str, float]:
        """
        Return the share of the maximum of each who has a grade in the guide's column, the youngest.
        """
        column = self.platform.line_items()[-1]
        results = [one for one in self.platform.results(column) if one.get("resultScore") is not None]
        return {one["userId"]: round(one["resultScore"] / one["resultMaximum"], 4) for one in results}


async def nightly(rows: list[tuple[str, Any]]) -> None:
    await (await program("plan.md"))["nightly"](rows)


async def push(rows: list[tuple[str, Any]]) -> None:
    lines = "".join(f"{user_id},{'' if points is None else points}\n" for user_id, points in rows)
    Path("table.csv").write_text("user_id,points\n" + lines, encoding="utf-8")
    await (await program("push-csv.md"))["push"]("table.csv")


@pytest.fixture(params=[pytest.param((nightly, 20), id="nightly"), pytest.param((push, 100), id="push-a-class")])
async def batch(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Batch]:
    platform = Platform.create()
    async with serve(platform):
        write_config(tmp_path / "aioags.toml", "school", platform)
        with contextlib.chdir(tmp_path):
            yield Batch(platform, *request.param)


async def test_a_dirty_table_costs_nobody_a_grade(batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third, fourth, fifth = batch.platform.users()
    whole = batch.maximum
    rows = [(first, whole / 2), (second, whole * 1.5), (third, 1), (third, 2), (fourth, None), (fifth, "eight")]
    await batch.send([*rows, (STRANGER, 5)])
    assert batch.shown() == {first: 0.5, second: 1.5}
    said = capsys.readouterr().out
    assert f"{third!r} is there twice" in said and "eight" in said
    assert f"{STRANGER!r}: UserNotGradableError" in said
    await batch.send([(first, whole / 2), (second, whole * 1.5), (third, 2), (fourth, 0), (fifth, 8)])
    assert batch.shown().keys() == {first, second, third, fourth, fifth}
    assert batch.platform.counts["post_score"] == 2 + 1 + 3


async def test_a_column_that_was_deleted_is_made_again(batch: Batch) -> None:
    users = batch.platform.users()
    course = read_config()
    await batch.send([(user, 1) for user in users])
    async with Client() as ags:
        gradebook = ags.gradebook(course.registration, course.endpoint)
        await gradebook.delete_line_item(batch.platform.line_items()[-1]["id"])
    await batch.send([(user, 1) for user in users])
    assert len(batch.platform.line_items()) == 2
    assert batch.shown() == dict.fromkeys(users, round(1 / batch.maximum, 4))


async def test_a_platform_that_is_away_for_a_moment(batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    away_for_a_moment(batch.platform, *BATCH)
    await batch.send([(user, 1) for user in batch.platform.users()])
    assert len(batch.shown()) == 5
    assert "Error" not in capsys.readouterr().out


async def test_a_course_without_grades(batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    config = Path("aioags.toml")
    kept = [line for line in config.read_text("utf-8").splitlines() if not line.startswith(("lineitem", "scope"))]
    config.write_text("\n".join([*kept, "scope = []", ""]), encoding="utf-8")
    await batch.send([(batch.platform.users()[0], 1)])
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith(("not tonight:", "nothing was sent:"))
    assert not batch.platform.requests


@attrs.frozen
class Clicks:
    """
    The tool of the guide for a grade at the launch.

    Attributes:
        meanwhile: What happens while it grades somebody, before the score leaves.
    """

    platform: Platform
    click: AppLauncher
    meanwhile: list[Callable[[str], Any]] = attrs.field(factory=list)
    points: dict[str, int] = attrs.field(factory=dict)
    app: list[Any] = attrs.field(factory=list)

    async def text(self, user: str) -> str:
        """
        Launch it as somebody, and return what they read.
        """
        return (await self.click(self.app[0], user=user)).text

    def grade(self, user: str) -> int:
        """
        Say how many points somebody has.
        """
        while self.meanwhile:
            self.meanwhile.pop()(user)
        return self.points.get(user, 7)


@pytest.fixture
async def clicks(request: pytest.FixtureRequest) -> AsyncIterator[Clicks]:
    platform = Platform.create(getattr(request, "param", "spec"))
    async with serve(platform), AppLauncher(platform) as click:
        opened = Clicks(platform, click)
        tool = await program("after-a-launch.md")
        opened.app.append(tool["create_app"](Registration(**platform.registration_args()), opened.grade))
        yield opened


@pytest.mark.parametrize("clicks", EVERYWHERE, indirect=True)
async def test_clicks_in_a_dirty_course_are_answered_everywhere(clicks: Clicks) -> None:
    platform = clicks.platform
    first, second, third, *_ = platform.users()
    clicks.points[second] = 12
    assert "in the gradebook" in await clicks.text(first)
    assert "in the gradebook" in await clicks.text(first)  # twice
    assert "in the gradebook" in await clicks.text(second)  # above the maximum
    away_for_a_moment(platform, "post_score")
    assert "in the gradebook" in await clicks.text(third)
    assert platform.result(None, third) is not None


async def test_somebody_who_left_between_click_and_grade(clicks: Clicks) -> None:
    clicks.meanwhile.append(clicks.platform.course.people.pop)
    assert "was not taken (UserNotGradableError)" in await clicks.text("user-0001")


async def test_the_column_is_deleted_between_click_and_grade(clicks: Clicks) -> None:
    clicks.meanwhile.append(lambda _: clicks.platform.faults.add(Fault.answer(404, path="line_items/1")))
    assert "was not taken (NotFoundError)" in await clicks.text("user-0001")
    clicks.platform.faults.clear()
    clicks.platform.launches.tamper = lambda header, claims: claims[AGS].pop("lineitem")
    assert "in the gradebook" in await clicks.text("user-0001")
    assert [item["label"] for item in clicks.platform.line_items()] == ["Quiz one", "Points"]


async def test_a_launch_without_grades(clicks: Clicks) -> None:
    clicks.platform.launches.tamper = lambda header, claims: claims.pop(AGS)
    assert await clicks.text("user-0001") == "This course takes no grades."
    clicks.platform.launches.tamper = lambda header, claims: claims[AGS].update(scope=[])
    assert "was not taken (NotOfferedError)" in await clicks.text("user-0002")


async def test_the_example_of_fastapi_meets_a_link_that_somebody_edited() -> None:
    platform = Platform.create()
    async with serve(platform), AppLauncher(platform) as click:
        agreed = Registration(**platform.registration_args())
        settings = ToolSettings(registrations=[agreed], redirect_uri="https://tool.example/lti/launch", keys=[agreed])
        platform.launches.tamper = edited
        page = await click(load("fastapi_tool").create_app(settings), user="user-0001")
        assert "no such quiz" in page.text


def edited(header: dict[str, Any], claims: dict[str, Any]) -> None:
    """
    Let a launch come from a link whose custom parameter a teacher has changed.
    """
    claims["https://purl.imsglobal.org/spec/lti/claim/custom"] = {"quiz": "99"}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """
    The modules of the tutorial, as its reader has them in the end.
    """
    follow(len(STEPS), tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module
    for name in FILES:
        sys.modules.pop(name, None)


async def test_the_tutorials_tool_in_a_dirty_course(written: Callable[[str], ModuleType], tmp_path: Path) -> None:
    platform = Platform.create(users=6)
    first, second, third, fourth, fifth, sixth = platform.users()
    async with serve(platform), AppLauncher(platform) as click, Client() as client:
        registration = Registration(**platform.registration_args())
        with contextlib.closing(written("grades").Grades(str(tmp_path / "grades.db"))) as grades:
            app = written("tool").create_app(registration, "https://tool.example/lti/launch", grades)
            # A launch without grades, and one of a link that somebody has edited.
            platform.launches.tamper = lambda header, claims: claims.pop(AGS)
            assert "takes no grades" in (await click(app, user=first)).text
            platform.launches.tamper = edited
            assert "no such quiz" in (await click(app, user=first)).text
            platform.launches.tamper = None
            # Away for a moment; twice by one person; left before the answer.
            away_for_a_moment(platform, "token", "post_score")
            assert "is in the gradebook" in (await (await click(app, user=first)).submit(answer="42")).text
            for answer in ("41", "42"):
                assert "is in the gradebook" in (await (await click(app, user=second)).submit(answer=answer)).text
            quiz = await click(app, user=third)
            platform.course.people.pop(third)
            assert "comes to the gradebook later" in (await quiz.submit(answer="42")).text
            # Rows of another program: more than the maximum, and a grade that was never sent.
            claim = json.dumps(platform.endpoint_claim())
            for number, (user, points) in enumerate([(fourth, 12), (fifth, 0), (sixth, 5), (sixth, 6)]):
                row = (f"t{number}", user, claim, "1", points, f"2026-01-0{number + 1}T00:00:00+00:00")
                grades.rows.execute("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, NULL)", row)
            away_for_a_moment(platform, "list_results", "post_score")
            said = await written("nightly").sync(client, registration, grades)
            shown = {one["userId"]: one["resultScore"] for one in platform.results()}
            assert shown == {first: 100, second: 100, fourth: 120, fifth: 0, sixth: 60}
            assert sum("takes no grade for this user" in line for line in said) == 1
            # Next night: nothing is sent but what was refused. Then the column is gone.
            sent = platform.counts["post_score"]
            await written("nightly").sync(client, registration, grades)
            assert platform.counts["post_score"] == sent + 1
            platform.faults.add(Fault.answer(404, path="line_items/1"))
            said = await written("nightly").sync(client, registration, grades)
            assert said and all("404" in line for line in said)
