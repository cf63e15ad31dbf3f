"""
What `import aioags` loads: the calls and the gradebook, and nothing that is only used by some.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

# Loaded when it is used: aioags.Client().ltiaas(…), import aioags.launch, import aioags.outbox.
RESTS = (
    "aioags.ltiaas",
    "aioags.launch",
    "aioags.outbox",
    "aioags.emulator",
    "aioags.contrib",
    "aioags.cli",
    "aioags.pytest_plugin",
    "sqlite3",
    "psycopg",
    "rich",
    "pytest",
)


def loaded(code: str) -> list[str]:
    """
    Return the modules of `RESTS` that a new process has loaded after this code.
    """
    shown = f"{code}\nimport sys\nprint(*[name for name in {RESTS!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, encoding="utf-8", check=True)
    return done.stdout.split()


def test_importing_the_package_loads_nothing_that_was_not_asked_for() -> None:
    assert loaded("import aioags") == []


@pytest.mark.parametrize("name", ["aioags.launch", "aioags.outbox", "aioags.ltiaas", "aioags.emulator"])
def test_a_part_is_loaded_when_it_is_imported(name: str) -> None:
    assert name in loaded(f"import {name}")


def test_the_gateway_is_loaded_when_an_account_is_opened() -> None:
    opened = 'import aioags\naioags.Client().ltiaas("https://your.ltiaas.com", "df06d55e-3b0f")'
    assert loaded(opened) == ["aioags.ltiaas"]
