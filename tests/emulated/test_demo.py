"""
The program of the guide to pushing a class list, as a whole, against the platform that it starts.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"
DEMO = [sys.executable, str(EXAMPLES / "push_grades.py")]

HEADER = "user_id,name,points,maximum,comment\n"


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """
    What the demo prints where there is no terminal, line by line.
    """
    done = subprocess.run(DEMO, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def line_with(printed: list[str], text: str) -> str:
    """
    Find the one line that holds a text.
    """
    (line,) = [line for line in printed if text in line]
    return line


def test_all_but_two_of_500_are_recorded(printed: list[str]) -> None:
    assert "498 of 500" in line_with(printed, "Recorded")
    assert line_with(printed, "Refused").split() == ["Refused", "2"]


def test_who_was_refused_is_named_with_the_reason_in_plain_words(printed: list[str]) -> None:
    assert "line 319, Johanna Taylor (user 9907): not a learner of this course" in line_with(printed, "9907")
    negative = line_with(printed, "line 404, Jasmine Smith (user 5023)")
    assert "not sent: score_given must be at least 0, got -5" in negative


def test_every_recorded_grade_is_read_back_as_sent(printed: list[str]) -> None:
    assert "498 results, each as the class list says" in line_with(printed, "Read back")


def test_who_has_no_result_is_named(printed: list[str]) -> None:
    assert "2 of the 500 people" in line_with(printed, "Missing")
    assert "not on the class list" in line_with(printed, "Grace Okonkwo (user 5307)")
    assert line_with(printed, "Jasmine Smith (user 5023): refused")


def test_the_class_list_holds_what_it_should() -> None:
    with (EXAMPLES / "grades.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    with (EXAMPLES / "roster.csv").open(encoding="utf-8", newline="") as lines:
        course = {row["user_id"] for row in csv.DictReader(lines)}
    points = [float(row["points"]) for row in rows]
    assert len(rows) == len({row["user_id"] for row in rows}) == 500
    assert [row["user_id"] for row in rows if row["user_id"] not in course] == ["9907"]
    assert [row["user_id"] for row in rows if float(row["points"]) < 0] == ["5023"]
    assert 0 in points
    assert any(value % 1 for value in points)
    assert any(float(row["points"]) > float(row["maximum"]) for row in rows)
    assert any(not row["comment"].isascii() for row in rows)


def test_a_class_list_of_ones_own(tmp_path: Path) -> None:
    grades, roster = tmp_path / "mine.csv", tmp_path / "people.csv"
    grades.write_text(HEADER + "7,Ada,half,10,\n8,Grace,10,10,[bold]Fine[/bold]\n", encoding="utf-8")
    roster.write_text("user_id,name\n7,Ada\n8,Grace\n", encoding="utf-8")
    done = subprocess.run([*DEMO, str(grades), str(roster)], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "1 of 2" in line_with(done.stdout.splitlines(), "Recorded")
    assert "line 2, Ada (user 7): not a grade" in done.stdout


def test_a_file_that_is_no_class_list_gets_one_line(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("user,points\n7,10\n", encoding="utf-8")
    done = subprocess.run([*DEMO, str(wrong)], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert done.stderr == f"{wrong} has no column comment, maximum, name, user_id\n"
    gone = subprocess.run([*DEMO, str(tmp_path / "gone.csv")], capture_output=True, encoding="utf-8", check=False)
    assert "there is no file" in gone.stderr
