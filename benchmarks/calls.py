"""
Calls of Python functions for each score, line item, result, launch and put, room by room, beside what was agreed on.

    make bench-calls
    make bench-calls ARGS=--accept      agree on what is counted now

Seconds depend on the machine and on who else uses it; these figures do not. Fails when a total is off by more than 3 %.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

import aiohttp
from _calls import baseline
from _calls.scenes import SCENES, Rooms

import aioags

OWN = {file.stem for file in Path(aioags.__file__).parent.iterdir()}


def versions() -> str:
    """
    Name the pair that figures hold for.
    """
    minor = ".".join(aiohttp.__version__.split(".")[:2])
    return f"Python 3.{sys.version_info.minor}, aiohttp {minor}"


def show(scene: str, rooms: Rooms, agreed: baseline.Rooms | None) -> None:
    """
    Print one scene: its total, our rooms, and the libraries.
    """
    before = f"  (agreed: {baseline.total(agreed):,.4g})" if agreed else ""
    print(f"{scene}: {baseline.total(rooms):,.4g} calls{before}")
    for what, ours in (("aioags", True), ("others", False)):
        own = {room: number for room, number in rooms.items() if (room in OWN) is ours}
        listed = sorted(own.items(), key=lambda each: -each[1])
        print(f"  {what} {baseline.total(own):,.4g}:", ", ".join(f"{room} {number:,.4g}" for room, number in listed))


def main() -> int:
    """
    Count, print, compare.

    Returns:
        The exit status: 1 when a figure left its bounds, or in CI when nothing was agreed on.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accept", action="store_true", help="agree on what is counted now")
    accept = parser.parse_args().accept
    agreed = baseline.read(baseline.PATH, versions())
    found = {scene: asyncio.run(count()) for scene, count in SCENES.items()}
    print(versions())
    for scene, rooms in found.items():
        show(scene, rooms, (agreed or {}).get(scene))
    if accept:
        baseline.write(baseline.PATH, versions(), found)
        print(f"These are agreed on now: {baseline.PATH.name}.")
        return 0
    if agreed is None:
        print(f"Nothing is agreed on for {versions()}: take these figures with: {baseline.ACCEPT}")
        # CI says what must not be missing (.ci/run).
        return 1 if "AIOAGS_REQUIRE" in os.environ else 0
    said = list(baseline.complaints(agreed, found))
    print(*said, sep="\n", end="\n" if said else "")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
