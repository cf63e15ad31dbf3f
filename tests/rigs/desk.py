"""
The desk of somebody who pushes grades: a folder with ``aioags.toml``, and the real command beside an emulated LMS.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from aioags.emulator import PROFILES, Exchange, Item, Platform, serve_in_thread
from aioags.emulator.doors.config_file import write_config
from aioags.emulator.platform import NOBODY
from tests.rigs.lms import rsa_key
from tests.rigs.memory import new_platform

PEOPLE = 12


@attrs.frozen
class Desk:
    """
    A folder, and the platform that its configuration names.
    """

    folder: Path
    platform: Platform

    def write(self, name: str, content: str) -> Path:
        """
        Put a file there.
        """
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return path

    def grades(self, points: int = 50, users: int | None = None, *, name: str = "grades.csv") -> Path:
        """
        Write a table with points for the first people, or all, each one more.
        """
        lines = [f"{user},{points + place}" for place, user in enumerate(self.users[:users])]
        return self.write(name, "\n".join(["user_id,points", *lines, ""]))

    @property
    def users(self) -> list[str]:
        """
        User ids of the learners, in order.
        """
        people = self.platform.course.people.values()
        return [person.user_id for person in people if person.role == "Learner" and person.active]

    def item(self, label: str = "Midterm") -> Item:
        """
        Return a line item of the platform.
        """
        return next(item for item in self.platform.course.items.values() if item.fields["label"] == label)

    def points(self, label: str = "Midterm") -> dict[str, Any]:
        """
        Return what stands in the results, by user id.
        """
        item = self.item(label)
        results = self.platform.results(item)
        return {result["userId"]: result.get("resultScore") for result in results if "resultScore" in result}

    def sent(self) -> int:
        """
        Return how many scores reached the platform.
        """
        return self.platform.counts["post_score"]

    def at_score(self, number: int, act: Callable[[], object]) -> None:
        """
        Do something when so many scores were applied from now on, before the last of them is answered.
        """
        applied = itertools.count(1)

        def look(exchange: Exchange) -> None:
            if exchange.operation == "post_score" and next(applied) == number:
                act()

        self.platform.subscribe(look)

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        """
        Start the command in a process of its own.
        """
        command = [sys.executable, "-m", "aioags.cli", *arguments]
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "100"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env=environ, text=True, **pipes, **more)

    def run(self, *arguments: str, status: int = 0, stdin: str = "") -> str:
        """
        Run the command to its end.

        Returns:
            What it printed on standard output.
        """
        process = self.start(*arguments)
        printed, complaints = process.communicate(stdin, timeout=120)
        assert process.returncode == status, f"{process.returncode}: {printed}\n{complaints}"
        assert "Traceback" not in complaints
        return printed

    def counts(self, *arguments: str, status: int = 0) -> dict[str, int]:
        """
        Run the command with ``--json``, and return the counts that are not 0.
        """
        printed: dict[str, int] = json.loads(self.run(*arguments, "--json", status=status))
        return {name: count for name, count in printed.items() if count}


@contextmanager
def desk(folder: Path, profile: str = "spec", people: int = PEOPLE) -> Iterator[Desk]:
    """
    Serve a platform while the block runs, with a line item "Midterm" out of 100.
    """
    platform = new_platform(profile, key=rsa_key(), users=people)
    # Canvas counts each token as a third of what a minute allows, and a command needs one for each run.
    platform.limiters = {NOBODY: None, platform.tool.client_id: None}
    with serve_in_thread(platform):
        platform.add_line_item("Midterm", 100, resource_id="midterm")
        write_config(folder / "aioags.toml", "school", platform)
        yield Desk(folder, platform)


NAMES = sorted(PROFILES)
