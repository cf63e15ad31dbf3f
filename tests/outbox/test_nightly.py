"""
The nightly recipe of the guide, run by a worker of procrastinate.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from tests.outbox.kit import SCHOOL
from tests.outbox.office import Office, new_office

RECIPE = Path(__file__).parents[2] / "docs" / "examples" / "outbox_nightly.py"


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """
    The example as it stands in the guide.
    """
    spec = importlib.util.spec_from_file_location("outbox_nightly", RECIPE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def night(office: Office) -> int:
    """
    Let a night pass; how many scores were recorded.
    """
    before = sum(len(office.desk.applied(user)) for user in office.desk.platform.users())
    await office.app.configure_task("grades:nightly").defer_async(timestamp=0)
    # The second time for the drains that the puts have woken.
    for _ in range(2):
        await office.work(queues=None)
    await office.desk.time.sleep(86_400)
    return sum(len(office.desk.applied(user)) for user in office.desk.platform.users()) - before


@pytest.mark.needs("postgres")
async def test_each_night_only_what_changed_is_sent(
    prepared: str, recipe: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "grades.nightly")
    async with new_office(prepared) as office:
        desk = office.desk
        points = dict.fromkeys(desk.platform.users(), 5.0)
        gone = "https://lms.example/lti/contexts/1/line_items/99"

        def columns() -> Sequence[object]:
            def scores() -> list[object]:
                return [desk.grade(given, user) for user, given in points.items()]

            return [recipe.Column(SCHOOL, desk.endpoint, url, scores) for url in (gone, desk.item)]

        recipe.add_nightly(office.app, office.outbox, columns)
        assert await night(office) == 100
        assert await night(office) == 0
        ada, bob, *_ = points
        points[ada] = 6.0
        desk.platform.override(desk.item, bob, 1)
        assert await night(office) == 1
        assert "0 new, 1 changed, 98 unchanged, 1 overridden" in caplog.text
        assert caplog.text.count("a grade of ours of 2030-") == 1
        assert "is not in step tonight" in caplog.text, "the column that is gone"
        for user in (ada, bob):
            assert f"'{user}'" not in caplog.text and f" {user}:" not in caplog.text
