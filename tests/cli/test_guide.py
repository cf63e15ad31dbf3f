"""
The guide of the command line, held against the command.
"""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.cli.conftest import Desk
from tests.cli.test_foundation import commands

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "command-line.md"
ADDRESS = "http://127.0.0.1:8080"


def blocks(language: str) -> list[str]:
    """
    Return the guide's blocks of a language.
    """
    tokens = MarkdownIt().parse(GUIDE.read_text(encoding="utf-8"))
    return [token.content for token in tokens if token.type == "fence" and token.info.strip() == language]


def session() -> Iterator[tuple[str, str]]:
    """
    Yield each command of the guide that shows what it prints, with that.
    """
    for block in blocks("console"):
        for part in block.split("$ ")[1:]:
            command, _, printed = part.partition("\n")
            if printed:
                yield command, printed


def test_what_the_guide_shows_is_what_is_printed(desk: Desk) -> None:
    checker = doctest.OutputChecker()
    shown = list(session())
    assert len(shown) >= 6
    for command, printed in shown:
        done = desk.call(*shlex.split(command)[1:])
        port = desk.platform.base_url.rpartition(":")[2]
        out = done.out.replace(desk.platform.base_url, ADDRESS).replace(f"127.0.0.1 port {port}", "127.0.0.1 port 8080")
        wanted = printed.replace("…", "...")
        assert checker.check_output(wanted, out, doctest.ELLIPSIS), f"{command}\n{out}"


@pytest.mark.parametrize("line", re.findall(r"^\$ (aioags .*)", "\n".join(blocks("console")), re.MULTILINE))
def test_what_the_guide_calls_is_there(line: str, desk: Desk) -> None:
    words = shlex.split(line)[1:]
    if "emulator" in words:
        return
    known = [path for path in commands() if tuple(words[: len(path)]) == path]
    assert known, line
    shown = desk.call(*known[0], "--help").out
    assert all(word in shown for word in words if word.startswith("--"))


def test_the_guide_names_every_command() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert [path for path in commands() if f"aioags {path[0]}" not in text] == []
    assert [
        path for path in commands() if path[0] == "items" and f"`{path[1]}`" not in text and path[1] != "list"
    ] == []
