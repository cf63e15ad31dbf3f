"""
Is each mend needed? Every diff in ``removals/`` takes one out of a copy of the package; the worlds must notice.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIFFS = Path(__file__).parent / "removals"

MOST_SEEDS = 500
"""Within so many worlds a missing mend must show."""


def check_removals() -> bool:
    """
    Take each mend out by itself, and say after how many worlds that was noticed.

    Returns:
        True when all were noticed.
    """
    noticed = [_check(diff) for diff in sorted(DIFFS.glob("*.diff"))]
    print(f"{sum(noticed)} of {len(noticed)} removals were noticed")
    return all(noticed)


def _check(diff: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("aioags", "tests"):
            shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
        applied = subprocess.run(
            ["patch", "-p1", "--no-backup-if-mismatch", "--input", str(diff)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if applied.returncode:
            print(f"{diff.name}: it does not fit the package any more\n{applied.stdout}", flush=True)
            return False
        return _is_noticed(diff.name, folder)


def _is_noticed(name: str, folder: str) -> bool:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", str(MOST_SEEDS)]
    played = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": folder, "PATH": ""}, capture_output=True, text=True, check=False
    )
    found = re.search(r"^seed (\d+): (\w+)", played.stdout, re.MULTILINE)
    if found is None:
        print(f"{name}: not noticed in {MOST_SEEDS} worlds\n{played.stderr[-2000:]}", flush=True)
        return False
    print(f"{name}: noticed after {int(found[1]) + 1} worlds ({found[2]})", flush=True)
    return True
