"""
What the count of calls says when a room grew (benchmarks/calls.py).
"""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path

import attrs
import pytest

from benchmarks._calls import baseline
from benchmarks._calls.counting import BENCHMARKS, PACKAGE, Calls, room

AGREED = {"score": {"calls": 60.0, "protocol": 36.0, "stdlib": 104.0}}


def said(**rooms: float) -> list[str]:
    """
    Return the complaints about a score that took these calls.
    """
    return list(baseline.complaints(AGREED, {"score": AGREED["score"] | rooms}))


@pytest.mark.parametrize("rooms", [{}, {"calls": 66.0}, {"calls": 54.0}, {"calls": 80.0, "protocol": 18.0}])
def test_within_three_percent_nothing_is_said(rooms: dict[str, float]) -> None:
    assert said(**rooms) == []


def test_a_grown_room_is_named_with_what_to_do() -> None:
    assert said(calls=72.0, protocol=37.0, stdlib=100.0) == [
        "score: 200 calls became 209 (+4.5%): calls grew by 12 (from 60), protocol grew by 1 (from 36). "
        "Find what calls more there; if it is worth it, say why in the commit, with: make bench-calls ARGS=--accept"
    ]


def test_a_new_room_grew_from_nothing() -> None:
    assert "outbox grew by 8 (from 0)" in said(outbox=8.0)[0]


def test_what_was_gained_is_kept() -> None:
    (sentence,) = said(calls=50.0)
    assert "calls became 190 (-5.0%): calls shrank by 10 (from 60). Keep what was gained" in sentence


def test_a_scene_that_came_or_went_is_named() -> None:
    assert list(baseline.complaints(AGREED, {"put": {"outbox": 64.0}})) == [
        "put: nothing is agreed on. Take 64 calls with: make bench-calls ARGS=--accept",
        "score: it is not counted any more. Forget it with: make bench-calls ARGS=--accept",
    ]


def test_a_listener_costs_few_calls_a_score() -> None:
    figures = json.loads(baseline.PATH.read_text(encoding="utf-8"))
    assert len(figures) >= 3
    for pair, scenes in figures.items():
        plain, told = (baseline.total(scenes[f"score of many{what}"]) for what in ("", ", with a listener"))
        assert 0 < told - plain <= 15, pair


def test_each_pair_of_versions_has_figures_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "calls.json"
    assert baseline.read(path, "Python 3.11, aiohttp 3.14") is None
    baseline.write(path, "Python 3.11, aiohttp 3.14", AGREED)
    baseline.write(path, "Python 3.13, aiohttp 3.14", {})
    assert baseline.read(path, "Python 3.11, aiohttp 3.14") == AGREED
    assert baseline.read(path, "Python 3.12, aiohttp 3.14") is None


def test_the_room_is_where_a_function_stands() -> None:
    assert room(str(PACKAGE / "protocol" / "trial.py")) == "protocol"
    assert room(str(PACKAGE / "gradebook.py")) == "gradebook"
    assert room("<attrs generated methods aioags.model.score.Score>") == "model"
    assert room(attrs.define.__code__.co_filename) == "attrs"
    assert room(asyncio.run.__code__.co_filename) == room("<frozen importlib._bootstrap>") == "stdlib"
    assert room(str(BENCHMARKS / "calls.py")) == ""


def test_calls_are_counted_while_it_is_on() -> None:
    calls = Calls()
    with calls.on():
        inspect.iscoroutinefunction(len)
        with calls.off():
            inspect.iscoroutinefunction(len)
    inspect.iscoroutinefunction(len)
    by_name = {code.co_name: number for code, number in calls.counted.items()}
    assert by_name["iscoroutinefunction"] == 1
    assert calls.rooms()["stdlib"] >= 1
