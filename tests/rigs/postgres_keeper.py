"""
Keeps a PostgreSQL for as long as somebody holds this process's standard input open, however that somebody ends.

    python postgres_keeper.py FOLDER

Reads what to run as one line of JSON, runs it, and says ``ready``, or what failed. When its input ends it stops the
server and deletes the folder. So one who is killed leaves neither behind, at whatever moment: what had begun is ended
here first. It imports nothing but the standard library.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def run(command: list[str], servant: dict[str, Any]) -> None:
    """
    Run a command to its end.

    Args:
        servant: As whom, as arguments of `subprocess.run`.

    Raises:
        RuntimeError: It failed; with what it said.
    """
    # Its output goes to a file: a pipe that the server inherits would never end.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            command, cwd="/", stdout=said, stderr=said, stdin=subprocess.DEVNULL, check=False, **servant
        )
        if done.returncode:
            said.seek(0)
            raise RuntimeError(f"{Path(command[0]).name} failed: {said.read()}")


def keep(folder: Path) -> None:
    """
    Start, wait for the end of standard input, stop, delete.
    """
    try:
        # Nothing: its owner was killed, or failed, before it asked.
        if line := sys.stdin.readline():
            _serve(json.loads(line), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(asked: dict[str, Any], folder: Path) -> None:
    try:
        for command in asked["start"]:
            run(command, asked["servant"])
        print("ready", flush=True)
        sys.stdin.read()
    except RuntimeError as error:
        print(error, flush=True)
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run(asked["stop"], asked["servant"])


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
