"""
``docs/guides/first-push-without-a-tool.md``: every command of it, in order, in a folder with nothing in it.
"""

from __future__ import annotations

import asyncio
import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
from markdown_it import MarkdownIt
from yarl import URL

from aioags.emulator.browser.html_reader import forms
from tests.rigs.ports import held_port

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guides" / "first-push-without-a-tool.md"
CHECKER = doctest.OutputChecker()


def steps(language: str, ports: dict[str, str]) -> Iterator[tuple[list[str], str]]:
    """
    Yield each command of the guide, its words and what it prints, with ports that are free.
    """
    for token in MarkdownIt().parse(GUIDE.read_text(encoding="utf-8")):
        if token.type == "fence" and token.info.strip() == language:
            text = re.sub("|".join(ports), lambda found: ports[found[0]], token.content)
            for part in text.split("$ ")[1:] if language == "console" else [f"\n{text}"]:
                command, _, printed = part.partition("\n")
                yield shlex.split(command), printed


class Desk:
    """
    A folder in which the guide is followed.
    """

    def __init__(self, folder: Path, lms: str, tool: str) -> None:
        self.folder, self.lms, self.tool = folder, lms, tool
        self.running: list[subprocess.Popen[str]] = []

    def start(self, words: list[str], **more: Any) -> subprocess.Popen[str]:
        """
        Start a command.
        """
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "aioags.cli", *words]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        program = subprocess.Popen(command, cwd=self.folder, env=environ, text=True, **pipes)
        self.running.append(program)
        return program

    def follow(self, words: list[str]) -> str:
        """
        Do one step; return what it prints.
        """
        if words[0] == "emulator":
            program = self.start(words, stderr=subprocess.DEVNULL)
            assert program.stdout is not None
            assert any(line == "}\n" for line in program.stdout)
            return ""
        if ">" in words:
            name = words[words.index(">") + 1]
            with (self.folder / name).open("w") as file:
                assert self.start(words[: words.index(">")], stdout=file).wait() == 0
            return ""
        program = self.start([*words, "--port", self.tool] if words[0] == "listen" else words)
        noted = ""
        if words[0] == "listen":
            assert program.stderr is not None
            noted = program.stderr.readline()
            assert "Taken. Look at the terminal." in asyncio.run(clicked(f"http://127.0.0.1:{self.lms}", self.tool))
        printed, complaint = program.communicate(timeout=120)
        assert (program.returncode, complaint) == (0, "")
        return noted + printed


async def clicked(lms: str, tool: str) -> str:
    """
    Open the course's page, click the first link as a browser does, and return what the tool's page says.
    """
    jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(f"http://localhost:{tool}"))
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        async with browser.get(f"{lms}/launch") as answer:
            links = re.findall(r'href="([^"]*/launch/start[^"]*)"', await answer.text())
        async with browser.get(links[0].replace("&amp;", "&")) as answer:
            page, url = await answer.text(), str(answer.url)
        while found := forms(page):
            async with browser.post(urljoin(url, found[0].action), data=dict(found[0].fields)) as answer:
                page, url = await answer.text(), str(answer.url)
    return page


def test_the_guide_leads_from_nothing_to_a_pushed_grade(tmp_path: Path) -> None:
    with held_port() as one, held_port() as another:
        lms, tool = str(one), str(another)
        desk = Desk(tmp_path, lms, tool)
        # The tool's own port is in what init prints; listen is told of another.
        ports = {"8080": lms}
        ((_, table),) = steps("text", ports)
        (tmp_path / "grades.csv").write_text(table)
        try:
            for words, printed in steps("console", ports):
                if words[0] == "aioags":
                    shown = desk.follow([word.replace("8765", tool) for word in words[1:]]).replace(tool, "8765")
                    assert CHECKER.check_output(printed.replace("…", "..."), shown, doctest.ELLIPSIS), shown
        finally:
            for program in desk.running:
                program.kill()
                program.communicate()
