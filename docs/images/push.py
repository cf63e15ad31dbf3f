"""
Draw the recording of the command: ``python docs/images/push.py``.

A push, the same again, and why, of a class list into an emulated LMS where a teacher has graded two people by hand: the
real command on a terminal of its own, and what it printed there. Nothing is made up.
"""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from aioags.emulator import Person, Platform, serve_in_thread
from aioags.emulator.doors.config_file import write_config

HERE = Path(__file__).parent
WIDTH = 100
ASKED = b"[y/N]"
COMMANDS = (
    'aioags push grades.csv --item "Midterm"',
    'aioags push grades.csv --item "Midterm" --yes',
    "aioags why 4104@school.example --by email",
)
NAMES = ("Ada Abe", "Björn Costa", "Chiara Dunn", "Dmitri Eriksen", "Elif Fischer", "Farid García", "Grace Haddad")


def on_a_terminal(command: str, folder: Path) -> str:
    """
    Run a command on a terminal of its own.

    Returns:
        What stands there in the end, with its colours.
    """
    ours, theirs = pty.openpty()
    environ = {**os.environ, "COLUMNS": str(WIDTH), "TERM": "xterm-256color", "PYTHONPATH": str(HERE.parents[1])}
    arguments = [sys.executable, "-m", "aioags.cli", *command.replace('"', "").split()[1:]]
    with subprocess.Popen(arguments, cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = bytearray()
        while chunk := _read(ours):
            shown += chunk
            if chunk.rstrip().endswith(ASKED):
                os.write(ours, b"y\n")
        process.wait()
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Linux says so when nobody writes there any more.
        return b""


def last_drawn(printed: str) -> str:
    """
    Return what stands on a terminal where a bar was drawn again and again: of each line the last.
    """
    lines = [line.rpartition("\r")[2] for line in printed.split("\n")]
    return "\n".join(line.replace("\x1b[2K", "").replace("\x1b[?25l", "").replace("\x1b[?25h", "") for line in lines)


def prepared(folder: Path, platform: Platform) -> None:
    """
    Write the class list, and let the teacher be first.
    """
    item = platform.add_line_item("Midterm", 100, resource_id="midterm")
    rows = [f"{person.email},{62 + 5 * place}" for place, person in enumerate(platform.course.people.values())]
    (folder / "grades.csv").write_text("\n".join(["email,points", *rows, "mx@school.example,8O", ""]), encoding="utf-8")
    for user, points in zip(platform.users(), (90, 12), strict=False):
        platform.override(item, user, points)
    write_config(folder / "aioags.toml", "school", platform)


def main() -> None:
    """
    Draw it.
    """
    people = [Person(str(4101 + place), name) for place, name in enumerate(NAMES)]
    platform = Platform.create("moodle", people=people)
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    folder = Path(tempfile.mkdtemp())
    try:
        with serve_in_thread(platform):
            prepared(folder, platform)
            for command in COMMANDS:
                console.print(f"[bold green]$[/] [bold]{command}[/]", highlight=False)
                console.print(Text.from_ansi(last_drawn(on_a_terminal(command, folder))))
    finally:
        shutil.rmtree(folder)
    console.save_svg(str(HERE / "push.svg"), title="aioags", theme=SVG_EXPORT_THEME)


if __name__ == "__main__":
    main()
