"""
Programs for node, with packages from npm: installed beside Python's packages, once for each lock file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# No scripts of packages: what runs here is what npm ships, and nothing is built or fetched from elsewhere.
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def installed(program: Path) -> Path:
    """
    Install what a program's ``package-lock.json`` names, unless that was done, and put the program beside it.

    Args:
        program: A folder with ``package.json``, ``package-lock.json`` and scripts. It is not written to.

    Returns:
        The folder to run the scripts in.
    """
    digest = hashlib.sha256((program / "package-lock.json").read_bytes()).hexdigest()[:12]
    packages = Path(sys.prefix) / "npm" / f"{program.name}-{digest}"
    if not packages.exists():
        _install(program, packages)
    # Scripts change more often than packages. A copy is whole or not there: other processes may copy too.
    for script in program.glob("*.*js"):
        _put(script, packages / script.name)
    return packages


def _install(program: Path, packages: Path) -> None:
    packages.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=packages.parent) as made:
        folder = Path(made) / "new"
        folder.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(program / name, folder)
        subprocess.run(INSTALL, cwd=folder, check=True)
        try:
            folder.rename(packages)
        except OSError:
            # Another process was first.
            if not packages.exists():
                raise


def _put(script: Path, place: Path) -> None:
    handle, name = tempfile.mkstemp(dir=place.parent)
    os.close(handle)
    shutil.copy(script, name)
    Path(name).replace(place)
