"""
How far a newcomer has to walk: the rooms of the package that one score passes on its way to the platform.
"""

from __future__ import annotations

from benchmarks._calls.counting import PACKAGE
from benchmarks._calls.scenes import score_over_http

MOST_ROOMS = 7


async def test_a_score_passes_few_rooms() -> None:
    own = {file.stem for file in PACKAGE.iterdir()}
    counted = await score_over_http()
    rooms = sorted((room for room in counted if room in own), key=lambda room: -counted[room])
    # pytest -rP shows it.
    print(f"A warm post_score passes {len(rooms)} rooms:", *(f"{room} ({counted[room]:.0f})" for room in rooms))
    assert {"protocol", "calls"} <= set(rooms)
    assert len(rooms) <= MOST_ROOMS, rooms
