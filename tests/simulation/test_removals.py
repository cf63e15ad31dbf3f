"""
Every diff that takes a mend out fits the package; whether the worlds notice, `make soak` tells.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.simulation.removals import DIFFS, ROOT

NUMBERS = {"01", "02", "03", "05", "06", "07", "08", "09", "10", "11", "13", "15", "21", "23"}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("diff", sorted(DIFFS.glob("*.diff")), ids=lambda diff: diff.stem)
def test_a_removal_fits_the_package(diff: Path) -> None:
    """
    Nothing of it was moved or rewritten since; else make the diff again.
    """
    command = ["git", "apply", "--check", str(diff)]
    applied = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert applied.returncode == 0, applied.stderr


def test_every_mend_has_a_removal() -> None:
    """
    What the worlds are there to keep mended, each can be taken out by itself.
    """
    assert {diff.name[:2] for diff in DIFFS.glob("*.diff")} == NUMBERS
