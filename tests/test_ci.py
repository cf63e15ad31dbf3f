"""
Programs of the system: left out and named where they are absent, installed and required in CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def marked(program: str) -> str:
    """
    Write a test file with one test that needs a program, and one that needs none.
    """
    return f'import pytest\n\n@pytest.mark.needs("{program}")\ndef test_one(): ...\n\ndef test_two(): ...\n'


def ran(tmp_path: Path, program: str, required: str) -> subprocess.CompletedProcess[str]:
    """
    Run such a file with this repository's conftest.
    """
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(marked(program), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    needs(program): as here\n", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "AIOAGS_REQUIRE": required, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_a_test_whose_program_is_absent_is_left_out_and_named(tmp_path: Path) -> None:
    done = ran(tmp_path, "a-program-nobody-has", required="")
    assert done.returncode == 0
    assert "1 passed, 1 deselected" in done.stdout
    assert "not run: 1 need a-program-nobody-has" in done.stdout
    assert "test_it.py::test_one" in done.stdout


def test_a_test_whose_program_is_present_runs(tmp_path: Path) -> None:
    done = ran(tmp_path, sys.executable, required=sys.executable)
    assert "2 passed" in done.stdout


def test_a_required_program_that_is_absent_fails_the_run(tmp_path: Path) -> None:
    done = ran(tmp_path, "a-program-nobody-has", required="postgres, a-program-nobody-has")
    assert done.returncode != 0
    assert "AIOAGS_REQUIRE names it, and it is not installed" in done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """
    A clone whose only test needs chromium, and a path without chromium where apt-get and make only say what they do.
    """
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(marked("chromium"), encoding="utf-8")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "dirname", "grep"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    stubs = {"apt-get": 'echo "apt-get $@"', "make": 'echo "make $@ with $AIOAGS_REQUIRE"', "id": "echo 0"}
    for name, does in stubs.items():
        (programs / name).write_text(f"#!{programs / 'bash'}\n{does}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    return tmp_path


def ci(machine: Path) -> subprocess.CompletedProcess[str]:
    """
    Run the clone's .ci/run.
    """
    command = [str(machine / "bin" / "bash"), str(machine / ".ci" / "run")]
    env = {"PATH": str(machine / "bin"), "CI": "true"}
    return subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=False)


def test_ci_installs_what_tests_name_and_requires_it(machine: Path) -> None:
    done = ci(machine)
    assert done.returncode == 0, done.stderr
    *apt, last = done.stdout.splitlines()
    assert apt[0].startswith("apt-get update")
    assert apt[1].endswith("chromium chromium-driver")
    assert last == "make check with chromium"


def test_ci_installs_nothing_that_no_test_names(machine: Path) -> None:
    (machine / "tests" / "test_it.py").write_text("", encoding="utf-8")
    assert ci(machine).stdout == "make check with \n"


@pytest.mark.parametrize("change", ["no apt-get", "not root"])
def test_ci_that_cannot_install_says_so_and_fails(machine: Path, change: str) -> None:
    if change == "no apt-get":
        (machine / "bin" / "apt-get").unlink()
    else:
        (machine / "bin" / "id").write_text(f"#!{machine / 'bin' / 'bash'}\necho 1000\n", encoding="utf-8")
    done = ci(machine)
    assert done.returncode != 0
    assert "only root with apt-get can install them" in done.stderr
