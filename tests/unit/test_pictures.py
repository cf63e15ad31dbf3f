"""
Pictures that a script draws are what it draws now, and all are legible in the dark.
"""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from xml.etree import ElementTree

import pytest

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def test_the_window_over_time_is_what_the_simulation_gives() -> None:
    spec = spec_from_file_location("pace_picture", IMAGES / "pace.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.picture() == (IMAGES / "pace.svg").read_text(encoding="utf-8"), "python docs/images/pace.py"


@pytest.mark.parametrize("name", ["pace.svg", "score.svg", "launch.svg"])
def test_a_picture_says_what_it_shows_and_has_colours_for_the_dark(name: str) -> None:
    text = (IMAGES / name).read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img" and len(root.get("aria-label") or "") > 60
    light, _, dark = text.partition("prefers-color-scheme:dark")
    # Of what has a colour by day, each has one by night.
    for selector in re.findall(r"(?:^|\n|\})([.\w]+)\{[^}]*(?:fill|stroke):#", light):
        assert f"{selector}{{" in dark, selector
