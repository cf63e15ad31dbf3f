"""
The Python of the README, of the guides and of docstrings, run as it stands.

Each page is one session: its ``python`` blocks run in order, share a namespace, and may ``await`` at the top level, or
be a program with its own ``asyncio.run``.
An ``output`` block is what the ``python`` block before it prints. A page starts in a folder of its own that holds

- ``platform.json``, as ``python -m aioags.emulator`` prints it, of a platform that runs on loopback;
- ``aioags.toml``, which names it ``school``, with the tool's key in a file beside it;
- ``grades.csv``, the example class list, and ``midterm.csv``, a table with what tables have.

Its profile is `spec` unless `PROFILES_OF` says otherwise. A page makes every name that it uses, and a client that it
leaves open is closed. Examples in docstrings, and the pages of `GIVEN`, are excerpts. They find these names, all of
that platform: ``registration``; ``claims`` of a launch, which also offers course groups (`tests.rigs.course_groups`:
the emulator has none), and its ``endpoint``; ``user``, the user id of the launch; ``roster``, the user ids of the
course; ``scores``, one for each of them; ``ags``, an open client; ``gradebook``.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import importlib
import inspect
import io
import json
import logging
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from markdown_it import MarkdownIt

from aioags import Client, Endpoint, Registration, Score
from aioags.emulator import PROFILES, Person, Platform, serve
from aioags.emulator.doors.cli import document
from aioags.emulator.doors.config_file import write_config
from tests.rigs.course_groups import CLAIM as GROUPS_CLAIM
from tests.rigs.course_groups import course_groups

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)]
MODULES = sorted((ROOT / "aioags").rglob("*.py"))
# Pages about what platforms make of it run at each of these.
PROFILES_OF = {"canvas.md": ("canvas",), "building-scores.md": tuple(PROFILES)}
# Who is in the course besides: the people of that page's table.
PEOPLE_OF = {"push-csv.md": range(4101, 4107)}
# Excerpts, which say in their text where the names come from.
GIVEN = {
    "README.md": {"claims", "registration", "roster"},
    "concepts.md": {"ags", "claims", "registration"},
    "other-services.md": {"ags", "claims", "registration"},
}
RUNS = [(page, profile) for page in PAGES for profile in PROFILES_OF.get(page.name, ("spec",))]
WithDocstring = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen
class Block:
    """
    A ``python`` block of a page.

    Attributes:
        line: The page's line of the first line of code, from 1.

        expected: What it prints. None: nothing is said about it.
    """

    line: int
    code: str
    expected: str | None = None


def blocks(text: str) -> list[Block]:
    """
    Find the ``python`` blocks of a page, each with the ``output`` block right after it.

    Raises:
        ValueError: An ``output`` block follows no ``python`` block.
    """
    found: list[Block] = []
    before: str | None = None
    for token in MarkdownIt().parse(text):
        if token.type != "fence":
            # Text between the two parts them.
            before = None if token.type == "inline" else before
            continue
        language, start = token.info.strip(), (token.map or [0])[0] + 2
        if language == "python":
            found.append(Block(start, token.content))
        elif language == "output":
            if before != "python":
                raise ValueError(f"line {start}: this output follows no python block")
            found[-1] = attrs.evolve(found[-1], expected=token.content)
        before = language
    return found


def waits_without_a_loop(code: str, names: dict[str, Any]) -> bool:
    """
    Say whether code uses `aioags.blocking`, by its name or by what an earlier block has made with it.
    """
    made = [name for name, value in names.items() if type(value).__module__.startswith("aioags.blocking")]
    return any(re.search(rf"\b{name}\b", code) for name in ["blocking", *made])


async def run(code: str, names: dict[str, Any], *, where: str, line: int = 1, mode: str = "exec") -> str:
    """
    Run a piece of code whose top level may await.

    Returns:
        What it printed.
    """
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    # Blank lines before it, so that a traceback names the page's own line.
    compiled = compile("\n" * (line - 1) + code, where, mode, flags, dont_inherit=True)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if "asyncio.run(" in code or where.startswith("aioags.blocking") or waits_without_a_loop(code, names):
            # It brings its own loop, or waits without one: there may be only one in a thread.
            await asyncio.to_thread(eval, compiled, names)
        elif inspect.iscoroutine(waiting := eval(compiled, names)):
            await waiting
    return printed.getvalue()


async def run_page(text: str, names: dict[str, Any], *, where: str) -> None:
    """
    Run a page's blocks in order.

    Raises:
        AssertionError: A block prints something else than the page says.
    """
    for block in blocks(text):
        printed = await run(block.code, names, where=where, line=block.line)
        if block.expected is not None:
            assert printed == block.expected, f"{where}, the block at line {block.line}"


async def run_doctest(test: doctest.DocTest, names: dict[str, Any]) -> None:
    """
    Run a docstring's examples in order; they may await.

    Raises:
        AssertionError: An example prints something else than the docstring says.
    """
    checker = doctest.OutputChecker()
    for example in test.examples:
        printed = await run(example.source, names, where=test.name, mode="single")
        options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        if not checker.check_output(example.want, printed, options):
            raise AssertionError(f"{test.name}\n{checker.output_difference(example, printed, options)}")


def doctests(source: str, name: str) -> list[doctest.DocTest]:
    """
    Find the docstrings of a module that hold examples. The module is not imported.
    """
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, WithDocstring)]
    parser = doctest.DocTestParser()
    found = [
        parser.get_doctest(ast.get_docstring(node) or "", {}, f"{name}.{getattr(node, 'name', '')}", None, 0)
        for node in nodes
    ]
    return [test for test in found if test.examples]


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """
    Undo what a page does to the logger.
    """
    logger = logging.getLogger("aioags")
    level, handlers = logger.level, logger.handlers[:]
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.fixture
async def names(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[dict[str, Any]]:
    """
    What every page and docstring finds prepared; see this file's docstring.
    """
    platform = Platform.create(getattr(request, "param", "spec"))
    page = request.node.callspec.params.get("page", ROOT)
    for number in PEOPLE_OF.get(page.name, ()):
        platform.course.people[str(number)] = Person(str(number), f"Person {number}")
    async with serve(platform), course_groups(platform) as groups, Client() as ags:
        (tmp_path / "platform.json").write_text(json.dumps(document(platform)), encoding="utf-8")
        write_config(tmp_path / "aioags.toml", "school", platform)
        for table in ("grades.csv", "midterm.csv"):
            shutil.copy(ROOT / "docs" / "examples" / table, tmp_path)
        registration = Registration(**platform.registration_args())
        user = platform.users()[0]
        claims = platform.launch_claims(user) | {GROUPS_CLAIM: groups}
        endpoint = Endpoint.from_launch(claims)
        assert endpoint is not None
        with contextlib.chdir(tmp_path):
            given = {
                "registration": registration,
                "claims": claims,
                "endpoint": endpoint,
                "user": user,
                "roster": platform.users(),
                "ags": ags,
                "gradebook": ags.gradebook(registration, endpoint),
                "scores": [Score.graded(person, 17, score_maximum=20) for person in platform.users()],
            }
            wanted = GIVEN.get(page.name, set()) if page.suffix == ".md" else given.keys()
            found = {"__name__": "__main__", **{name: given[name] for name in given if name in wanted}}
            yield found
            for left_open in [value for value in found.values() if isinstance(value, Client)]:
                await left_open.aclose()


def _id(value: Path | str) -> str:
    return value if isinstance(value, str) else value.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page, names", RUNS, indirect=["names"], ids=_id)
async def test_a_page_does_what_it_says(page: Path, names: dict[str, Any]) -> None:
    await run_page(page.read_text(encoding="utf-8"), names, where=str(page))


WITH_EXAMPLES = [module for module in MODULES if doctests(module.read_text(encoding="utf-8"), module.stem)]


@pytest.mark.parametrize("module", WITH_EXAMPLES, ids=lambda module: module.relative_to(ROOT).as_posix())
async def test_the_examples_of_docstrings_do_what_they_say(module: Path, names: dict[str, Any]) -> None:
    imported = importlib.import_module(".".join(module.relative_to(ROOT).with_suffix("").parts))
    for test in doctests(module.read_text(encoding="utf-8"), imported.__name__):
        await run_doctest(test, {**names, **vars(imported)})


def test_pages_and_blocks_are_really_found() -> None:
    with_code = {page.name for page in PAGES if blocks(page.read_text(encoding="utf-8"))}
    assert {"README.md", "quickstart.md", "push-csv.md", "errors.md", "later.md"} <= with_code
    assert "gradebook.py" in {module.name for module in WITH_EXAMPLES}


def relative_links(page: Path) -> Iterator[str]:
    """
    Yield the targets of a page's links within the repository, without their fragments.
    """
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        for child in token.children or []:
            target = str(child.attrGet("href") or "") if child.type == "link_open" else ""
            if target and "://" not in target and not target.startswith(("#", "mailto:")):
                yield target.partition("#")[0]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"], ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    broken = [link for link in relative_links(page) if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"`(aioags/[\w/]+\.py)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


async def test_a_block_that_prints_something_else_fails() -> None:
    page = "```python\nprint(1)\n```\n\n```output\n2\n```\n"
    with pytest.raises(AssertionError, match="line 2"):
        await run_page(page, {}, where="page.md")


async def test_a_block_that_raises_fails_with_the_line_of_the_page() -> None:
    page = "Text.\n\n```python\nimport asyncio\n\nawait asyncio.sleep(0)\n1 / 0\n```\n"
    with pytest.raises(ZeroDivisionError) as caught:
        await run_page(page, {}, where="page.md")
    assert caught.traceback[-1].lineno + 1 == 7


async def test_blocks_share_a_namespace_and_may_await() -> None:
    first = "```python\nimport asyncio\n\nawait asyncio.sleep(0)\na = 1\n```\n"
    page = first + "\n```python\nprint(a)\n```\n\n```output\n1\n```\n"
    names: dict[str, Any] = {}
    await run_page(page, names, where="page.md")
    assert names["a"] == 1


async def test_a_block_may_be_a_program_with_a_loop_of_its_own() -> None:
    page = "```python\nimport asyncio\nasyncio.run(asyncio.sleep(0))\nprint(1)\n```\n\n```output\n1\n```\n"
    await run_page(page, {}, where="page.md")


def test_other_languages_are_not_run_and_lost_output_is_an_error() -> None:
    assert blocks("```console\n$ rm\n```\n") == []
    with pytest.raises(ValueError, match="follows no python block"):
        blocks("```python\nprint(1)\n```\nThen:\n```output\n1\n```\n")


async def test_a_docstring_example_that_is_wrong_fails() -> None:
    parser = doctest.DocTestParser()
    right = parser.get_doctest(">>> import asyncio\n>>> await asyncio.sleep(0, 1)\n1\n", {}, "right", None, 0)
    wrong = parser.get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    await run_doctest(right, {})
    with pytest.raises(AssertionError, match="Expected"):
        await run_doctest(wrong, {})
