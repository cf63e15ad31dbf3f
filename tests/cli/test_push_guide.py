"""
``docs/guides/push-csv.md``: what it shows of the command is what that prints. Its Python runs with the other pages.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

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


def test_the_commands_of_the_guide_print_what_it_says(tmp_path: Path) -> None:
    shown = [block for block in fences("console") if block.startswith("$ aioags")]
    assert len(shown) == 3
    with desk(tmp_path, people=1) as here:
        people = [Person(str(number), f"Person {number}") for number in range(4101, 4107)]
        here.platform.course.people = {person.user_id: person for person in people}
        shutil.copy(TABLE, tmp_path)
        for block in shown:
            command, _, printed = block.partition("\n")
            assert here.run(*shlex.split(command)[2:]) == printed
        assert here.points() == {"4102": 85, "4103": 85, "4105": 100, "4106": 76}


def test_the_table_of_the_guide_is_that_of_the_cases() -> None:
    content = TABLE.read_text(encoding="utf-8")
    assert fences("text") == [content]
    assert content == (Path(__file__).parent / "grades" / "case_28.csv").read_text(encoding="utf-8")


def test_every_option_of_the_guide_is_one_of_the_command(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        known = here.run("push", "--help")
    options = set(re.findall(r"`(--[a-z-]+)", GUIDE))
    assert options and not [option for option in options if option not in known]
