"""
``aioags why`` and ``aioags drift``, as their user sees them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from aioags.cli import main
from aioags.emulator import Fault
from tests.rigs.desk import Desk, desk

MIDTERM = ("--item", "Midterm")


def told(here: Desk, capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> list[str]:
    """
    Run the command in this process.

    Returns:
        The lines it printed, each time of day replaced.
    """
    capsys.readouterr()
    assert main([*arguments, "--config", str(here.folder / "aioags.toml")]) == status
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?(\+00:00)?", "WHEN", capsys.readouterr().out).splitlines()


def push(here: Desk, *, status: int = 0) -> None:
    """
    Push the table of the desk.
    """
    table, refused = str(here.folder / "grades.csv"), str(here.folder / "refused.csv")
    config = str(here.folder / "aioags.toml")
    assert main(["push", table, *MIDTERM, "--yes", "--refused", refused, "--config", config]) == status


def test_a_story_has_each_attempt_and_what_stands_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with desk(tmp_path) as here:
        first = here.users[0]
        here.grades(50)
        push(here)
        here.grades(70)
        push(here)
        here.platform.override(here.item(), first, 99)
        story = [
            "Midterm",
            "  WHEN  sent 50 of 100 (Completed, FullyGraded): recorded",
            "  WHEN  sent 70 of 100 (Completed, FullyGraded): recorded",
            "  the platform shows 99 of 100 now",
        ]
        assert told(here, capsys, "why", first, *MIDTERM) == story
        address = here.platform.course.people[first].email
        assert told(here, capsys, "why", address, "--by", "email") == story
        assert told(here, capsys, "drift", status=1) == [
            f"Midterm  {first}: 70 of 100 sent on WHEN; now 99 of 100",
            "1 grade not as last sent",
        ]


def test_a_refusal_is_told_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with desk(tmp_path) as here:
        first = here.users[0]
        here.platform.faults.add(Fault.answer(422, b'{"error": "no"}', operation="post_score"))
        here.grades(50, 1)
        push(here, status=1)
        (record,) = [json.loads(line) for line in told(here, capsys, "why", first, "--json")]
        assert [attempt["recorded"] for attempt in record["attempts"]] == [False]
        assert "422" in record["attempts"][0]["reason"]
        assert record["shown"] == "nothing"


def test_what_nobody_sent_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with desk(tmp_path) as here:
        told(here, capsys, "why", here.users[0], status=1)
        told(here, capsys, "drift", status=1)
        here.grades(50, 1)
        push(here)
        assert told(here, capsys, "why", "nobody", status=1) == [
            "nothing was sent for 'nobody' from here, as far as aioags-outbox.db remembers"
        ]
        assert told(here, capsys, "drift") == ["0 grades not as last sent"]
