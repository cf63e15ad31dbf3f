"""
``aioags demo`` and ``aioags emulator``, and the command as a program of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call

PROGRAM = [sys.executable, "-m", "aioags.cli"]


@pytest.mark.parametrize("profile", ["spec", "moodle"])
def test_the_demo_records_everybody_and_refuses_strangers(profile: str, call: Call) -> None:
    done = call("demo", "--profile", profile, "--people", "20")
    assert (done.status, done.err) == (0, "")
    assert "Grades     20, and 3 for people who are not in the course" in done.out
    assert "Plan       23 new, 0 changed, 0 unchanged, 0 overridden" in done.out
    assert "Recorded   20 of 23" in done.out
    assert done.out.count("Refused    90000") == 3
    assert "Read back  20 results as they were sent, of 20 people" in done.out
    assert "Regraded   one, by a teacher. What would be sent now:" in done.out
    assert "19 unchanged, 1 overridden" in done.out
    (counts,) = call("demo", "--people", "3", "--json").records
    assert counts == {"recorded": 3, "refused": 3, "read_back": 3}


@pytest.mark.parametrize("profile", ["spec", "canvas", "moodle"])
def test_the_emulator_writes_a_file_that_every_command_reads(profile: str, tmp_path: Path) -> None:
    command = [*PROGRAM, "emulator", "--profile", profile, "--users", "2", "--config", "aioags.toml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as platform:
        assert platform.stdout is not None
        for line in platform.stdout:
            if line == b"}\n":
                break
        try:
            asked = [*PROGRAM, "items", "--json", "list"]
            done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
        finally:
            platform.terminate()
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["label"] == "Quiz one"


def test_wrong_options_of_the_emulator_are_one_line(call: Call) -> None:
    done = call("emulator", "--profile", "mudle")
    assert done.status == 2
    assert done.err.startswith("aioags emulator: argument --profile")
    assert done.err.count("\n") == 1


def test_its_help_is_the_emulators(capsys: pytest.CaptureFixture[str], call: Call) -> None:
    with pytest.raises(SystemExit):
        call("emulator", "--help")
    assert "--tool-jwks" in capsys.readouterr().out
