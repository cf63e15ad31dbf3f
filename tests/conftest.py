"""
What every test shares: how hard property tests try, and what happens when a program of the system is absent.

A test marked ``needs("chromium")`` is not run where chromium is absent, and the summary names it. Where
the environment variable ``AIOAGS_REQUIRE`` lists the program (as CI does, comma separated), its absence is an error.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

import hypothesis
import pytest

from tests.rigs.postgres import USED, find_binaries, postgres, postgres_server

__all__ = ["postgres", "postgres_server"]

# Program, as tests name it: the commands that must be found for it to count as present.
PROGRAMS = {"chromium": ("chromium", "chromedriver")}

# No deadline: a slow machine is not a failed property.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=5_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))

NOT_RUN = pytest.StashKey[dict[str, list[str]]]()


def is_present(program: str) -> bool:
    """
    True when every command of the program is on the path; PostgreSQL may lie elsewhere.
    """
    if program == "postgres":
        return find_binaries() is not None
    return all(shutil.which(command) for command in PROGRAMS.get(program, (program,)))


def absent_programs(item: pytest.Item, required: Iterable[str]) -> list[str]:
    """
    Name what one test needs and this machine lacks.

    Raises:
        pytest.UsageError: A missing program is one that must not be missing here.
    """
    named = [str(mark.args[0]) for mark in item.iter_markers("needs")]
    absent = [program for program in named if not is_present(program)]
    for program in absent:
        if program in required:
            raise pytest.UsageError(f"{item.nodeid} needs {program}: AIOAGS_REQUIRE names it, and it is not installed")
    return absent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Leave out the tests whose program is absent, and remember them for the summary.
    """
    required = {name.strip() for name in os.environ.get("AIOAGS_REQUIRE", "").split(",")} - {""}
    not_run = config.stash.setdefault(NOT_RUN, {})
    left_out: list[pytest.Item] = []
    for item in items:
        for program in absent_programs(item, required):
            not_run.setdefault(program, []).append(item.nodeid)
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """
    Name every test that was left out, and what would let it run; and the PostgreSQL that was used.
    """
    if used := config.stash.get(USED, None):
        terminalreporter.write_line(used)
    for program, tests in config.stash.get(NOT_RUN, {}).items():
        terminalreporter.section(f"not run: {len(tests)} need {program}")
        for nodeid in tests:
            terminalreporter.line(nodeid)
