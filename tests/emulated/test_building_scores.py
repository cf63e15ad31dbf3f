"""
The table of the guide "Building scores": every cell is what the profile of that name does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import pytest

from aioags import GradingProgress, LineItem, Score
from tests.rigs.lms import Lms, lms

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "building-scores.md"
PROFILES = {
    "Moodle": "moodle",
    "Canvas": "canvas",
    "Open edX": "openedx",
    "Sakai": "sakai",
    "Brightspace": "brightspace",
    "Blackboard": "blackboard",
    "Schoology": "schoology",
}


@attrs.frozen
class Desk:
    """
    One person's grade at one platform, and what the gradebook makes of the tool's scores.
    """

    stand: Lms
    item: str

    @property
    def user(self) -> str:
        return self.stand.platform.users()[0]

    async def grade(self, points: float = 8, **more: object) -> None:
        score = Score.graded(self.user, points, score_maximum=10, **more)  # type: ignore[arg-type]
        await self.stand.gradebook.post_score(score, line_item=self.item)

    async def post(self, score: Score) -> None:
        await self.stand.gradebook.post_score(score, line_item=self.item)

    @property
    def shown(self) -> float | None:
        """
        What the gradebook shows, as a share of the item's maximum.
        """
        points = self.stand.platform.published(self.item, self.user)
        return None if points is None else points / self.stand.platform.item(self.item).maximum

    @property
    def comments(self) -> str:
        grade = self.stand.platform.grade(self.item, self.user)
        return " ".join(grade.comments) or grade.comment or ""

    def kept(self, before: float = 0.8) -> str:
        return {None: "cleared", before: "stays"}.get(self.shown, "replaced")


async def extra(desk: Desk) -> str:
    await desk.grade(12)
    return {1.2: "120 %", 1.0: "100 %"}.get(desk.shown or 0, "other")


async def pending(desk: Desk) -> str:
    await desk.grade()
    await desk.grade(5, grading_progress=GradingProgress.PENDING)
    return desk.kept()


async def manual(desk: Desk) -> str:
    await desk.grade()
    await desk.grade(5, grading_progress=GradingProgress.PENDING_MANUAL)
    return desk.kept()


async def progress(desk: Desk) -> str:
    await desk.grade()
    await desk.post(Score.progress(desk.user, "InProgress"))
    return desk.kept()


async def cleared(desk: Desk) -> str:
    await desk.grade()
    await desk.post(Score.cleared(desk.user))
    return desk.kept()


async def second_comment(desk: Desk) -> str:
    await desk.grade(comment="one")
    await desk.grade(comment="two")
    return {"two": "replaces", "one two": "added"}[desk.comments]


async def no_comment(desk: Desk) -> str:
    await desk.grade(comment="one")
    await desk.grade()
    return "stays" if "one" in desk.comments else "cleared"


async def by_hand(desk: Desk) -> str:
    await desk.grade()
    desk.stand.platform.override(desk.item, desk.user, 30)
    await desk.grade(9)
    return "stays" if desk.shown == 0.3 else "replaced"


# In the order of the table's columns.
COLUMNS: list[Callable[[Desk], Awaitable[str]]] = [
    extra, pending, manual, progress, cleared, second_comment, no_comment, by_hand,
]  # fmt: skip


async def seen_at(profile: str) -> list[str]:
    """
    Do what each column says, on a platform of its own.
    """
    cells = []
    for do in COLUMNS:
        async with lms(profile) as stand:
            item = stand.endpoint.lineitem
            if item is None:
                made = await stand.gradebook.create_line_item(LineItem("Quiz", 100, resource_id="q"))
                item = str(made.id)
            cells.append(await do(Desk(stand, item)))
    return cells


def table() -> dict[str, list[str]]:
    """
    Read the guide's table: the name of a platform to its cells.
    """
    lines = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in rows if row[0] in PROFILES}


@pytest.mark.parametrize("name", PROFILES)
async def test_a_row_of_the_table_is_what_the_profile_does(name: str) -> None:
    assert await seen_at(PROFILES[name]) == table()[name]
