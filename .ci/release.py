"""
Build sdist and wheel, and try the wheel in environments that hold nothing else.

    make release                  each extra alone; newest dependencies on this Python, oldest on the oldest Python
    make release ARGS=--quick     all extras at once, one environment of each kind: what CI runs

The wheel is built from the sdist, so what is missing there is missing here. Oldest: what `pyproject.toml` names as the
least, exactly; what these need in turn is the newest that fits.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
SMOKE = Path(__file__).parent / "smoke.py"
# What is for the people who work on this repository.
OURS = {"benchmarks", "dev", "docs", "interop", "release", "sockets"}
OLDEST = "python3.11"


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """
    Run a command, and show what it said only where it failed.
    """
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def build() -> Path:
    """
    Build both into `dist`, check their metadata and what is in them, and return the wheel.
    """
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", DIST, ROOT)
    (wheel,) = DIST.glob("*.whl")
    run(sys.executable, "-m", "twine", "check", "--strict", *DIST.iterdir())
    names = zipfile.ZipFile(wheel).namelist()
    missing = {"aioags/py.typed", "aioags/cli/__init__.py"} - set(names)
    foreign = {name for name in names if not name.startswith(("aioags/", "aioags-"))}
    if missing or foreign:
        sys.exit(f"{wheel.name} lacks {sorted(missing)} and holds {sorted(foreign)}")
    print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size // 1024} KiB")
    return wheel


def requirements(wheel: Path) -> tuple[list[str], list[Requirement]]:
    """
    Return the extras that are for users, and all that is required.
    """
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    said = Parser().parsestr(archive.read(name).decode())
    extras = [extra for extra in said.get_all("Provides-Extra", []) if extra not in OURS]
    return extras, [Requirement(text) for text in said.get_all("Requires-Dist", [])]


def least(needed: list[Requirement], extras: list[str]) -> Iterator[str]:
    """
    Yield the oldest version of each requirement, as pip takes it.
    """
    for each in needed:
        applies = each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ["", *extras])
        if not applies or each.name == "aioags":
            continue
        for clause in each.specifier:
            if clause.operator == ">=":
                # 3.11 stands for 3.11.x, 45.0.1 for itself.
                exact = clause.version if clause.version.count(".") > 1 else f"{clause.version}.*"
                yield f"{each.name}=={exact}"


def attempt(python: str, wheel: Path, extras: list[str], pins: list[str]) -> None:
    """
    Install the wheel into an environment of its own, and use it from a folder that is not the repository.
    """
    began = time.monotonic()
    wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    with tempfile.TemporaryDirectory(prefix="aioags release ") as folder:
        run(python, "-m", "venv", Path(folder) / "env")
        inside = Path(folder) / "env" / "bin" / "python"
        run(inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted, *pins)
        run(inside, "-m", "pip", "check")
        run(inside, SMOKE, *extras, cwd=Path(folder))
    kind = "oldest" if pins else "newest"
    print(f"{python}, {kind} dependencies, {', '.join(extras) or 'no extra'}: {time.monotonic() - began:.0f} s")


def main() -> None:
    """
    Build, and try.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="all extras at once")
    parser.add_argument("--oldest", default=OLDEST, metavar="PYTHON", help=f"the oldest Python (default: {OLDEST})")
    chosen = parser.parse_args()
    wheel = build()
    extras, needed = requirements(wheel)
    for each in [extras] if chosen.quick else [[], *([extra] for extra in extras)]:
        attempt(sys.executable, wheel, each, [])
        attempt(chosen.oldest, wheel, each, list(least(needed, each)))


if __name__ == "__main__":
    main()
