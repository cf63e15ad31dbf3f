"""
Platforms on loopback, and the command called as its user calls it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from aioags.cli import main
from aioags.cli.command import World
from aioags.emulator import Platform, serve_in_thread
from aioags.emulator.doors.config_file import write_config


@attrs.frozen
class Called:
    """
    What a command left behind.
    """

    status: int
    out: str
    err: str

    @property
    def records(self) -> list[Any]:
        """
        Its output, read as lines of JSON.
        """
        return [json.loads(line) for line in self.out.splitlines()]


Call = Callable[..., Called]


@attrs.frozen
class Desk:
    """
    A platform that listens, the file that names it, and the command.
    """

    platform: Platform
    config: Path
    call: Call


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """
    Call ``aioags`` in a folder of its own.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **world: Any) -> Called:
        capsys.readouterr()
        status = main(arguments, world=World(**{"terminal": False, **world}))
        said = capsys.readouterr()
        return Called(status, said.out, said.err)

    return run


@pytest.fixture
def profile() -> str:
    """
    Which platform the desk has; a test may say.
    """
    return "moodle"


@pytest.fixture
def desk(profile: str, tmp_path: Path, call: Call) -> Iterator[Desk]:
    """
    A platform on loopback with a registration in ``aioags.toml``.
    """
    platform = Platform.create(profile, users=3)
    with serve_in_thread(platform):
        write_config(tmp_path / "aioags.toml", profile, platform)
        yield Desk(platform, tmp_path / "aioags.toml", call)
