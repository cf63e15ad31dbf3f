"""
The ``aioags`` command. Read `app` first: it lists the commands; then `command`, what they all have in common.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aioags.cli.command import World

INSTALL = "aioags: the command needs its extra: pip install 'aioags[cli]'"
_OF_THE_EXTRA = frozenset({"typer", "rich", "openpyxl", "tomlkit"})


def main(arguments: Sequence[str] | None = None, *, world: World | None = None) -> int:
    """
    Run one command.

    Args:
        arguments: None: those of the process.

        world: What it finds around it. None: the real one.

    Returns:
        The exit status: 0 all well; 1 something was refused, deferred or is unknown; 2 it was called wrongly; 3 the
        platform does not let this tool in; 4 it is not reached; 130 it was interrupted.
    """
    try:
        from aioags.cli.app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _OF_THE_EXTRA:
            raise
        sys.stderr.write(INSTALL + "\n")
        return 2
    return run(sys.argv[1:] if arguments is None else arguments, world)
