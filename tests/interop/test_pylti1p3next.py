"""
pylti1p3next, which goes on where PyLTI1p3 stopped, against the emulator. Its modules have the same names, so it is
installed in an environment of its own (``make interop``).
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import attrs
import pytest

from aioags.emulator import PROFILES
from tests.interop.test_pylti1p3 import essay, grade, tool_at

pytestmark = pytest.mark.interop


def test_it_is_the_one_that_is_installed() -> None:
    assert version("pylti1p3next") == "2.0.2"
    with pytest.raises(PackageNotFoundError):
        version("PyLTI1p3")


@pytest.mark.parametrize("name", PROFILES)
def test_it_gets_through_its_day_on_every_profile(name: str) -> None:
    with tool_at(name, users=3) as tool:
        service, user = tool.service(), tool.platform.users()[0]
        item = service.find_or_create_lineitem(essay(resourceId="essay-1"))
        assert service.find_or_create_lineitem(essay(resourceId="essay-1")).get_id() == item.get_id()
        # PyLTI1p3 returned lists.
        assert [one["id"] for one in service.get_lineitems()] == [one["id"] for one in tool.platform.line_items()]
        service.put_grade(grade(user), item)
        (result,) = [one for one in service.get_grades(item) if one["userId"] == user]
        assert result["resultScore"] / result["resultMaximum"] == 0.8
        assert all(one.answer is not None and one.answer.status < 400 for one in tool.platform.requests)


@pytest.mark.parametrize("quotes, found", [("straight", 6), ("none", 2), ("curly", 2)])
def test_it_knows_next_in_straight_quotes_only_and_ends_early(quotes: Any, found: int) -> None:
    with tool_at(attrs.evolve(PROFILES["spec"], link_quotes=quotes, page_size=2)) as tool:
        for n in range(5):
            tool.platform.add_line_item(f"Item {n}", 10)
        assert len(list(tool.service().get_lineitems())) == found
