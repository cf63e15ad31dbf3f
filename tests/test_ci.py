"""
What CI installs and runs: programs of the system that tests name, and whichever Python is found.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent


def marked(program: str) -> str:
    """
    Write a test file with one test that needs a program, and one that needs none.
    """
    return f'import pytest\n\n@pytest.mark.needs("{program}")\ndef test_one(): ...\n\ndef test_two(): ...\n'


def ran(tmp_path: Path, program: str, required: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """
    Run such a file with this repository's conftest.
    """
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(marked(program), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    needs(program): as here\n", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
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


@pytest.mark.parametrize("arguments", [(), ("-n2",)], ids=["one process", "two workers"])
def test_a_required_program_that_is_absent_fails_the_run(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = ran(tmp_path, "a-program-nobody-has", "postgres, a-program-nobody-has", *arguments)
    assert done.returncode != 0
    assert "AIOAGS_REQUIRE names it, and it is not installed" in done.stdout + done.stderr


def test_workers_tell_once_what_they_left_out(tmp_path: Path) -> None:
    done = ran(tmp_path, "a-program-nobody-has", "", "-n2")
    assert done.returncode == 0
    assert "1 passed" in done.stdout
    assert done.stdout.count("not run: 1 need a-program-nobody-has") == 1
    assert done.stdout.count("test_it.py::test_one") == 1


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """
    A clone whose only test needs chromium, and a path with one Python and without chromium, where apt-get, make and the
    Python only say what they do.
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
    program(tmp_path, "apt-get", 'echo "apt-get $@"')
    program(tmp_path, "make", 'echo "make $@ with $AIOAGS_REQUIRE"')
    program(tmp_path, "id", "echo 0")
    python(tmp_path, "python3.11")
    return tmp_path


def program(machine: Path, name: str, does: str) -> None:
    """
    Put a script of the shell on the machine's path.
    """
    file = machine / "bin" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!{machine / 'bin' / 'bash'}\n{does}\n", encoding="utf-8")
    file.chmod(0o755)


def python(machine: Path, name: str, *, usable: bool = True) -> None:
    """
    Put a Python below the machine's path that says of itself what .ci/run asks for; one that is not usable fails.
    """
    minor = name.removesuffix("/bin/python").partition("3.")[2].partition(".")[0]
    program(machine, name, f'echo "{minor} $0"' if usable else "echo no such version >&2; exit 127")


def ci(machine: Path) -> subprocess.CompletedProcess[str]:
    """
    Run the clone's .ci/run.
    """
    command = [str(machine / "bin" / "bash"), str(machine / ".ci" / "run")]
    env = {"PATH": str(machine / "bin"), "CI": "true", "PYENV_ROOT": str(machine / "bin" / "pyenv")}
    return subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=False)


def made(done: subprocess.CompletedProcess[str]) -> list[str]:
    """
    List what make was asked for: the Python's minor version, the target and its arguments.
    """
    assert done.returncode == 0, done.stderr
    asked = []
    for line in done.stdout.splitlines():
        if line.startswith("make "):
            before, _, after = line.removeprefix("make ").partition(" PYTHON=")
            minor = re.search(r"3\.\d+", after.partition("/bin/")[2])
            asked.append(re.sub(r"/\S*/bin/", "", f"{minor[0] if minor else '?'} {before}"))
    return asked


def test_ci_installs_what_tests_name_and_requires_it(machine: Path) -> None:
    done = ci(machine)
    assert done.returncode == 0, done.stderr
    apt = [line for line in done.stdout.splitlines() if line.startswith("apt-get")]
    assert apt[0].startswith("apt-get update")
    assert apt[1].endswith("chromium chromium-driver")
    assert any(line.startswith("make check ") and line.endswith("with chromium") for line in done.stdout.splitlines())


def test_ci_installs_nothing_that_no_test_names(machine: Path) -> None:
    (machine / "tests" / "test_it.py").write_text("", encoding="utf-8")
    said = ci(machine).stdout
    assert "apt-get" not in said
    assert "chromium" not in said


RELEASE = "release ARGS=--quick --oldest python3.11"
OLDEST = "ARGS=tests/unit tests/spec tests/emulated tests/contract tests/sockets"


def test_ci_runs_everything_on_the_newest_python_and_much_of_it_on_the_oldest(machine: Path) -> None:
    python(machine, "python3.9", usable=False)
    python(machine, "python3.12")
    python(machine, "pyenv/versions/3.14.2/bin/python")
    python(machine, "pyenv/versions/3.15.0b1/bin/python", usable=False)
    done = ci(machine)
    newest = ["3.14 docs", "3.14 check", "3.14 bench-calls"]
    assert made(done) == [*newest, f"3.11 test {OLDEST}", "3.11 sockets", f"3.14 {RELEASE}"]
    assert "Found Python 3.11 3.12 3.14: everything runs on 3.14" in done.stdout
    assert "The oldest is 3.11" in done.stdout


def test_each_environment_of_ci_is_its_own(machine: Path) -> None:
    python(machine, "python3.13")
    folders = re.findall(r"^make (\S+) .*VENV=(\S+)", ci(machine).stdout, re.MULTILINE)
    assert folders == [
        ("docs", ".venv-docs"),
        ("check", ".venv-newest"),
        ("bench-calls", ".venv-newest"),
        ("test", ".venv-oldest"),
        ("sockets", ".venv-aiohttp"),
        ("release", ".venv-release"),
    ]


def test_a_machine_with_one_python_says_so(machine: Path) -> None:
    # A shim of pyenv, with nothing behind it.
    python(machine, "python3.13", usable=False)
    done = ci(machine)
    assert made(done) == ["3.11 docs", "3.11 check", "3.11 bench-calls", "3.11 sockets", f"3.11 {RELEASE}"]
    assert "No other Python here" in done.stdout


def test_a_machine_without_python_says_so_and_fails(machine: Path) -> None:
    python(machine, "python3.11", usable=False)
    done = ci(machine)
    assert done.returncode != 0
    assert "No Python on the path or in pyenv" in done.stderr


def test_ci_fails_with_any_of_its_steps(machine: Path) -> None:
    program(machine, "make", '[ "$1" != bench-calls ]')
    assert ci(machine).returncode != 0


def test_ci_knows_which_python_can_be_used() -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    asked = text.partition("usable='")[2].partition("'")[0]
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == f"{sys.version_info.minor} {sys.executable}\n"


@pytest.mark.parametrize("change", ["no apt-get", "not root"])
def test_ci_that_cannot_install_says_so_and_fails(machine: Path, change: str) -> None:
    if change == "no apt-get":
        (machine / "bin" / "apt-get").unlink()
    else:
        (machine / "bin" / "id").write_text(f"#!{machine / 'bin' / 'bash'}\necho 1000\n", encoding="utf-8")
    done = ci(machine)
    assert done.returncode != 0
    assert "only root with apt-get can install them" in done.stderr


def test_the_hosting_site_runs_it_on_each_python_where_its_programs_can_be_had() -> None:
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]["test"]
    known = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert job["strategy"]["matrix"]["python"] == known
    # Debian's names: Ubuntu has no firefox-esr, and a chromium only as a snap.
    assert re.fullmatch(r"python:\$\{\{ matrix\.python \}\}-[a-z]+", job["container"]["image"])
    (step,) = (step for step in job["steps"] if step.get("run") == ".ci/run")
    assert step["env"]["HOME"] == "/root"
