"""
What tests of tools import is in the reference, and stays.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from aioags import emulator
from aioags.emulator import Platform, ltiaas

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "emulator.md"


@pytest.mark.parametrize("module", [emulator, ltiaas])
def test_the_reference_has_every_public_name(module: ModuleType) -> None:
    words = set(PAGE.read_text(encoding="utf-8").replace("`", " ").replace("()", "").split())
    assert set(module.__all__) - words == set()


def test_tests_of_tools_say_tool_and_launch() -> None:
    assert emulator.Tool is emulator.RegisteredTool
    assert ltiaas.Launch is ltiaas.GatewayLaunch


@pytest.mark.parametrize(
    "name",
    ["create", "course", "site", "faults", "requests", "lock", "override", "result", "registration_args", "answer"],
)
def test_a_platform_has_what_fixtures_and_guides_use(name: str) -> None:
    assert hasattr(Platform if name in ("create", "answer") else Platform.create(), name)
