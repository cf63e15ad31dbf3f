"""
The ``aioags`` command. Each of its commands is a module beside this one with a function ``run``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from aioags._version import __version__
from aioags.cli.usage import UsageError, new_parser

COMMANDS: Mapping[str, tuple[str, str]] = {
    "outbox": ("aioags.cli.outbox", "what waits to be posted, what was refused"),
}
"""Name: the module, which is imported only when it is asked for, and what it is about."""

OK, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command.

    Args:
        arguments: None: those of the process.

    Returns:
        The exit status: 0, 1 when it failed, 2 when it was called wrongly, 130 when it was interrupted.
    """
    try:
        chosen = _parse(sys.argv[1:] if arguments is None else arguments)
        status: int = import_module(COMMANDS[chosen.command][0]).run(chosen.rest)
        return status
    except UsageError as error:
        print(error, file=sys.stderr)
        return WRONG_USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output, such as head, has seen enough.
        sys.stderr.close()
        return OK


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    described = "\n".join(f"  {name:10} {about}" for name, (_, about) in COMMANDS.items())
    parser = new_parser("aioags", "LTI grades.", epilog=f"commands:\n{described}")
    parser.add_argument("--version", action="version", version=f"aioags {__version__}")
    parser.add_argument("command", choices=list(COMMANDS), metavar="command", help="one of those below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="…", help="aioags COMMAND --help tells more")
    return parser.parse_args(arguments)
