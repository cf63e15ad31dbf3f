"""
``docs/guides/push-csv.md``: what it shows of the command is what that prints. Its Python runs with the other pages.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from aioags.emulator import Person
from tests.rigs.desk import desk

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "push-csv.md").read_text(encoding="utf-8")
TABLE = ROOT / "docs" / "examples" / "midterm.csv"


def fences(language: str) -> list[str]:
    """
    Find the blocks of a language.
    """
    return [token.content for token in MarkdownIt().parse(GUIDE) if token.type == "fence" and token.info == language]


def python(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """
    Run a program of the page in a folder.
    """
    command, environ = [sys.executable, "-c", program], {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_the_commands_of_the_guide_print_what_it_says(tmp_path: Path) -> None:
    shown = [block for block in fences("console") if block.startswith("$ aioags")]
    assert len(shown) == 3
    with desk(tmp_path, people=1) as here:
        (created,) = re.findall(r"`aioags (items create [^`]*)`", GUIDE)
        (program,) = [block for block in fences("python") if "def push(" in block]
        here.platform.course.items.clear()
        here.run(*shlex.split(created))
        (people_told,) = re.findall(r"printf 'user_id,name\\n(.*)\\n' > class.csv", GUIDE)
        people = [Person(*line.split(",")) for line in people_told.split("\\n")]
        here.platform.course.people = {person.user_id: person for person in people}
        shutil.copy(TABLE, tmp_path)
        for block in shown:
            command, _, printed = block.partition("\n")
            assert here.run(*shlex.split(command)[2:]) == printed
        assert here.points() == {"4102": 85, "4103": 85, "4105": 100, "4106": 76}
        # The program of the page goes on with the same line item.
        assert "0 new, 0 changed, 4 unchanged" in python(tmp_path, program).stdout
        assert len(here.platform.course.items) == 1


DIRTY = {
    "what the cases hold with semicolons": (
        (Path(__file__).parent / "grades" / "case_28_semicolons.csv").read_text(encoding="utf-8"),
        ["1 new, 0 changed, 0 unchanged, 0 overridden", "1 of 1 scores recorded"],
    ),
    "no number, an open quote, a stranger": (
        'user_id,points\n4101,A+\n9999,5\n4102,"7\n',
        [
            "not sent: line 2: 'A+' is no number",
            "not sent: line 4 cannot be read: unexpected end of data",
            "1 new, 0 changed, 0 unchanged, 0 overridden",
            "0 of 1 scores recorded; 1 not recorded; 1 UserNotGradableError",
            "'9999': UserNotGradableError",
        ],
    ),
    "the same person twice": (
        "user_id,points\n4101,5\n4101,6\n",
        [
            "not sent: line 2: '4101' is there twice",
            "not sent: line 3: '4101' is there twice",
            "0 new, 0 changed, 0 unchanged, 0 overridden",
            "0 of 0 scores recorded",
        ],
    ),
}


@pytest.mark.parametrize("content, told", DIRTY.values(), ids=DIRTY)
def test_the_program_of_the_guide_tells_what_it_does_not_send(content: str, told: list[str], tmp_path: Path) -> None:
    (program,) = [block for block in fences("python") if "def push(" in block]
    with desk(tmp_path, people=1) as here:
        here.platform.course.people = {str(one): Person(str(one), f"Person {one}") for one in range(4101, 4107)}
        here.write("midterm.csv", content)
        done = python(tmp_path, program)
    assert done.stderr == ""
    assert done.stdout.splitlines() == told


def test_the_table_of_the_guide_is_that_of_the_cases() -> None:
    content = TABLE.read_text(encoding="utf-8")
    assert fences("text") == [content]
    assert content == (Path(__file__).parent / "grades" / "case_28.csv").read_text(encoding="utf-8")


def test_every_option_of_the_guide_is_one_of_the_command(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        known = here.run("push", "--help")
    options = set(re.findall(r"`(--[a-z-]+)", GUIDE))
    assert options and not [option for option in options if option not in known]
