"""
The page of figures says what the run measured that it names.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks._bench import page

DOCS = Path(__file__).parent.parent / "docs"
KNOWN = json.loads((DOCS / "performance.json").read_text(encoding="utf-8"))


def test_the_page_holds_the_figures_of_the_json() -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert page.filled(text, KNOWN) == text, "write them anew: python benchmarks/_bench/page.py"


def test_the_chart_is_of_the_same_run_and_the_readme_shows_it() -> None:
    assert f"{KNOWN['date']}, {KNOWN['command']}" in (DOCS / "images" / "cost.svg").read_text(encoding="utf-8")
    first_screen = (DOCS.parent / "README.md").read_text(encoding="utf-8").partition("## What it does")[0]
    assert "(docs/images/cost.svg)" in first_screen


@pytest.mark.parametrize(
    "seconds, text",
    [(0.2, "1 s"), (63, "63 s"), (250, "4 min"), (5000, "83 min"), (9000, "2 h"), (1_728_000, "20 days")],
)
def test_durations_are_said_in_words(seconds: float, text: str) -> None:
    assert page.duration(seconds) == text


def test_a_figure_that_was_changed_by_hand_is_noticed() -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    forged = text.replace(f"| {KNOWN['summary'][0][1]:.2f} |", "| 0.01 |", 1)
    assert forged != text
    assert page.filled(forged, KNOWN) == text
