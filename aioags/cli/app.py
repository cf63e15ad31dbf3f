"""
All commands, in the order of the help; each is a function of a module beside this one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.exceptions import Abort, TyperException
from typer.main import get_command

from aioags._version import __version__
from aioags.cli import doctor, emulated, line_items, listen, outbox, push, reading, setup, why
from aioags.cli.command import COMMON, Run, SharedOptions, World, as_command, as_group, help_of
from aioags.cli.failures import Status, without_secrets

_COMMANDS: Mapping[str, Callable[..., Any]] = {
    "init": setup.init,
    "listen": listen.listen,
    "doctor": doctor.doctor,
    "plan": push.plan,
    "push": push.push,
    "why": why.why,
    "drift": why.drift,
    "demo": emulated.demo,
    "results": reading.results,
    "roster": reading.roster,
    "token": reading.token,
}
"""Name: what it runs."""

_STORED = (*COMMON, "store")
_GROUPS: Mapping[str, tuple[str, Sequence[str], Mapping[str, Callable[..., Any]]]] = {
    "keys": ("The tool's own keys.", COMMON, setup.KEYS),
    "items": ("The line items: columns of the gradebook.", COMMON, line_items.ACTIONS),
    "outbox": ("What waits to be posted, and what was refused.", _STORED, outbox.ACTIONS),
}
"""Name: what its help says, the shared options, its actions."""


def _root(
    context: typer.Context, *, version: Annotated[bool, typer.Option("--version", help="print the version")] = False
) -> None:
    """
    LTI grades from a terminal.
    """
    if version:
        print(f"aioags {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def _nothing(_: typer.Context) -> None:
    """
    Of a group only its actions do something.
    """


def new_app() -> typer.Typer:
    """
    Return the command with all that belongs to it.
    """
    # Help without boxes: it reads the same in a terminal, in a file and in a mail.
    app = typer.Typer(rich_markup_mode=None)
    app.callback(invoke_without_command=True, help=_root.__doc__)(as_group(_root))
    for name, function in _COMMANDS.items():
        app.command(name, help=help_of(function))(as_command(function))
    # Its options are its own, its help too.
    untouched = {"ignore_unknown_options": True}
    app.command("emulator", help=help_of(emulated.emulator), add_help_option=False, context_settings=untouched)(
        as_command(emulated.emulator, shared=())
    )
    for name, (about, shared, actions) in _GROUPS.items():
        group = typer.Typer(rich_markup_mode=None)
        group.callback(help=about)(as_group(_nothing, shared=shared))
        for action, function in actions.items():
            group.command(action, help=help_of(function))(as_command(function, shared=shared))
        app.add_typer(group, name=name)
    return app


def run(arguments: Sequence[str], world: World | None = None) -> int:
    """
    Run one command; see `aioags.cli.main`.
    """
    for stream in (sys.stdout, sys.stderr):
        # A name or an arrow that the terminal's encoding lacks ends no push in the middle.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    start = Run("aioags", SharedOptions(), world or World())
    try:
        status = get_command(new_app()).main(list(arguments), prog_name="aioags", standalone_mode=False, obj=start)
    except TyperException as error:
        return _wrong(error)
    except (Abort, KeyboardInterrupt):
        return Status.INTERRUPTED
    return int(status or 0)


def _wrong(error: TyperException) -> int:
    context = getattr(error, "ctx", None)
    name = "aioags" if context is None else context.command_path
    message = " ".join(error.format_message().split()).rstrip(".")
    sys.stderr.write(without_secrets(f"{name}: {message}") + f" (see {name} --help)\n")
    return error.exit_code
