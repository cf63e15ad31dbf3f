"""
The page of figures says what the run measured that it names.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from benchmarks._bench import page
from benchmarks._bench.cases import HAND
from benchmarks._bench.promises import met, summary

DOCS = Path(__file__).parent.parent / "docs"
KNOWN = json.loads((DOCS / "performance.json").read_text(encoding="utf-8"))


def test_the_page_holds_the_figures_of_the_json() -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert page.filled(text, KNOWN) == text, "write them anew: python benchmarks/_bench/page.py"


def test_the_chart_is_of_the_same_run() -> None:
    assert page.chart(KNOWN) == (DOCS / "images" / "cost.svg").read_text(encoding="utf-8")


def test_the_first_screen_of_the_readme_shows_the_chart() -> None:
    lines = (DOCS.parent / "README.md").read_text(encoding="utf-8").splitlines()
    assert any("(docs/images/cost.svg)" in line for line in lines[:16])


def test_a_bar_that_is_missed_is_said_to_be() -> None:
    assert [met(*each) for each in ((0.45, "≤ 0.45"), (0.46, "≤ 0.45"), (2.4, "≥ 2.4"), (2.3, "≥ 2.4"))] == [
        *(True, False, True, False)
    ]
    slow = copy.deepcopy(KNOWN)
    for turn in slow["contests"][HAND]["turns"]["aioags"]:
        turn["cpu_us"] *= 10
    assert sum("**missed**" in line for line in page.promises(slow)) > sum(
        "**missed**" in line for line in page.promises(KNOWN)
    )


@pytest.mark.parametrize(
    "seconds, text",
    [(0.2, "1 s"), (63, "63 s"), (250, "4 min"), (5000, "83 min"), (9000, "2 h"), (1_728_000, "20 days")],
)
def test_durations_are_said_in_words(seconds: float, text: str) -> None:
    assert page.duration(seconds) == text


def test_a_figure_that_was_changed_by_hand_is_noticed() -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    forged = text.replace(f"| {summary(KNOWN)[0][1]:.2f} |", "| 0.01 |", 1)
    assert forged != text
    assert page.filled(forged, KNOWN) == text
