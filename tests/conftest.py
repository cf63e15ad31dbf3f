"""
What every test shares: how hard property tests try, and what happens when a program of the system is absent.

A test marked ``needs("chromium")`` is not run where chromium is absent, and the summary names it. Where
the environment variable ``AIOAGS_REQUIRE`` lists the program (as CI does, comma separated), its absence is an error.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

import hypothesis
import pytest

from tests.rigs.both_transports import both_transports
from tests.rigs.carrying import every_transport
from tests.rigs.postgres import USED, find_binaries, postgres, postgres_server

__all__ = ["both_transports", "every_transport", "postgres", "postgres_server"]

# Program, as tests name it: the commands that must be found for it to count as present.
PROGRAMS = {
    "chromium": ("chromium", "chromedriver"),
    "firefox": ("firefox-esr",),
    "node": ("node", "npm"),
    "webkit": ("WebKitWebDriver", "Xvfb"),
}
# Where Debian keeps what is made for services; not everybody has it on the path.
SERVICES = "/usr/sbin"

# No deadline and no check of the pace: a slow or busy machine is not a failed property.
SLOW = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("default", **SLOW)
hypothesis.settings.register_profile("ci", **SLOW, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("soak", **SLOW, max_examples=5_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))

NOT_RUN = pytest.StashKey[dict[str, list[str]]]()
# Under this name a worker of pytest-xdist tells the process that writes the summary.
TOLD = "aioags"


def is_present(program: str) -> bool:
    """
    True when every command of the program is on the path; PostgreSQL may lie elsewhere.
    """
    if program == "postgres":
        return find_binaries() is not None
    path = f"{os.environ.get('PATH', '')}:{SERVICES}"
    return all(shutil.which(command, path=path) for command in PROGRAMS.get(program, (program,)))


def absent_programs(item: pytest.Item) -> list[str]:
    """
    Name what one test needs and this machine lacks.
    """
    named = [str(mark.args[0]) for mark in item.iter_markers("needs")]
    return [program for program in named if not is_present(program)]


def required_programs() -> set[str]:
    """
    Name what must not be missing here.
    """
    return {name.strip() for name in os.environ.get("AIOAGS_REQUIRE", "").split(",")} - {""}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Leave out the tests whose program is absent, and remember them for the summary.
    """
    not_run = config.stash.setdefault(NOT_RUN, {})
    left_out: list[pytest.Item] = []
    for item in items:
        for program in set(absent_programs(item)) - required_programs():
            not_run.setdefault(program, []).append(item.nodeid)
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """
    Fail a test whose program must not be missing: here, because a worker of pytest-xdist cannot end the run.
    """
    for program in set(absent_programs(item)) & required_programs():
        pytest.fail(f"this test needs {program}: AIOAGS_REQUIRE names it, and it is not installed", pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """
    Tell the process that writes the summary, where this is a worker of pytest-xdist.
    """
    if hasattr(session.config, "workeroutput"):
        stash = session.config.stash
        session.config.workeroutput[TOLD] = stash.get(NOT_RUN, {}), stash.get(USED, None)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """
    Take what a worker tells. Each of them has collected, and left out, the same tests.
    """
    not_run, used = getattr(node, "workeroutput", {}).get(TOLD, ({}, None))
    node.config.stash.setdefault(NOT_RUN, {}).update(not_run)
    if used:
        node.config.stash[USED] = used


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
