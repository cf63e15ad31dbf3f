"""
The tutorial, followed: its blocks become files, step by step, and after each step the files' own tests run.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from aioags.emulator import AppLauncher, Platform, serve
from aioags.emulator.doors.cli import document

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
FILES = {"tool", "grades", "school", "nightly"}
TOOL = "http://127.0.0.1:8000/lti"


def steps(page: str) -> list[list[tuple[str, str]]]:
    """
    Find the file and the code of each block, by the headings of the second level above them.
    """
    found: list[list[tuple[str, str]]] = []
    for token in MarkdownIt().parse(page):
        if token.type == "heading_open" and token.tag == "h2":
            found.append([])
        if token.type == "fence" and token.info == "{code-block} python":
            caption, _, code = token.content.partition("\n")
            found[-1].append((caption.removeprefix(":caption: "), code))
    return [step for step in found if step]


def pieces(code: str) -> Iterator[tuple[str, str]]:
    """
    Yield the statements of a block, each with the name that it defines. Imports go to the top, and have none.
    """
    lines, before = code.splitlines(), 0
    for node in ast.parse(code).body:
        text = "\n".join(lines[before : node.end_lineno])
        before = node.end_lineno or 0
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, text
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name, text
            case ast.Import() | ast.ImportFrom():
                yield "", text
            case _:
                yield text, text


def written(blocks: list[tuple[str, str]]) -> dict[str, str]:
    """
    Write the blocks into files as the page says: below what is there, or in place of what has the same name.
    """
    imports: dict[str, list[str]] = {}
    bodies: dict[str, dict[str, str]] = {}
    for file, code in blocks:
        for name, text in pieces(code):
            if name:
                bodies.setdefault(file, {})[name] = text
            else:
                imports.setdefault(file, []).append(text)
    return {file: "\n".join([*imports[file], *body.values(), ""]) for file, body in bodies.items()}


STEPS = steps(PAGE)


def follow(count: int, folder: Path) -> None:
    """
    Write what a reader has after so many steps.
    """
    for name, code in written([block for step in STEPS[:count] for block in step]).items():
        (folder / name).write_text(code, encoding="utf-8")
    (settings,) = re.findall(r"printf '(.*)' > pytest.ini", PAGE)
    (folder / "pytest.ini").write_text(settings.replace("\\n", "\n"), encoding="utf-8")


async def python(folder: Path, *arguments: str) -> str:
    """
    Run Python as a reader does, in a process of its own; a failure is shown.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


@pytest.mark.parametrize("count, passed", [(1, 1), (2, 3), (3, 4), (4, 6), (5, 12)])
async def test_after_each_step_the_tests_pass(count: int, passed: int, tmp_path: Path) -> None:
    follow(count, tmp_path)
    said = await python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    assert f"{passed} passed" in said


def test_no_step_is_left_out_and_the_page_counts_as_pytest_does() -> None:
    assert len(STEPS) == 5
    assert re.findall(r"(\d+) passed", PAGE) == ["1", "6"]


async def test_in_a_browser_as_the_page_has_it_and_at_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    follow(len(STEPS), tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    platform = Platform.create()
    places = {"login_url": f"{TOOL}/login", "redirect_uri": f"{TOOL}/launch"}
    try:
        async with serve(platform), AppLauncher(platform) as launch:
            platform.launches.connect(**places)
            (tmp_path / "platform.json").write_text(json.dumps(document(platform)), encoding="utf-8")
            quiz = await launch(importlib.import_module("school").app, **places)
            assert "is in the gradebook" in (await quiz.submit(answer="42")).text
            await importlib.import_module("nightly").main()
    finally:
        # A process of its own would end here.
        sys.modules["school"].app.state.grades.close()
        for name in FILES:
            sys.modules.pop(name, None)
    (printed,) = capsys.readouterr().out.splitlines()
    assert f"\n{printed}\n" in PAGE
