"""
Pages of the emulator's listings: what is read for one.
"""

from __future__ import annotations

import attrs
import pytest

from aioags.emulator.profiles import PROFILES
from aioags.emulator.wire.paging import Listing, cut, find


@pytest.mark.parametrize("limit, longest, size", [(None, None, 100), (7, None, 7), (500, 50, 50)])
def test_p4_behind_a_cursor_no_more_is_read_than_a_page_shows(
    limit: int | None, longest: int | None, size: int
) -> None:
    profile = attrs.evolve(PROFILES["spec"], longest_page=longest)
    listing, looked, pages = Listing("http://lms.example/members", {}, limit, "cursor"), list[int](), list[list[int]]()

    def odd(key: int) -> int | None:
        looked.append(key)
        return key if key % 2 else None

    more = True
    while more:
        page, links = cut(listing, find(listing, range(1, 1001), odd, profile), profile)
        pages.append(page)
        more = bool(links)
        listing = attrs.evolve(listing, after=page[-1])
    assert [key for page in pages for key in page] == list(range(1, 1001, 2))
    assert {len(page) for page in pages[:-1]} <= {size}
    # Each record once, and at each end the next that is shown.
    assert len(looked) <= 1000 + 2 * len(pages)
