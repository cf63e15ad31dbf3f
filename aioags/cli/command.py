"""
What every command has in common.

Theory of operation. A command is a function of a `Run` and of its own options, which typer reads from its signature;
`as_command` adds the shared options (``--json``, ``--debug``, ``--config``, ``--to``) to that signature, so that each
is taken before the action, by the groups, and after it, by the command: the one that stands later counts. The docstring
is the help, up to its ``Args``, and has an ``Example``. A coroutine function is run to its end. What it returns is the
exit status; None is 0. What it raises is one line, and the status of `aioags.cli.failures.explained`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from aioags.calls.transport import Transport
from aioags.cli.config import Config, OpenCourse, Target
from aioags.cli.failures import CommandError, Status, explained
from aioags.cli.shown import aligned
from aioags.client import Client
from aioags.model.event import Event
from aioags.model.policy import RetryPolicy

CONFIG = "aioags.toml"

Listener = Callable[[Event], None]

# Somebody waits: not the two minutes of a service.
PATIENCE = RetryPolicy(attempts=8, total_time=45.0)


@attrs.frozen
class World:
    """
    What a command finds around it. Tests put other things there.

    Attributes:
        now: Reads Unix time.

        sleep: Waits for so many seconds.

        environ: The environment.

        terminal: False: what is printed goes to a file or another program. None: as standard output says.

        ask: Asks the person at the terminal for one line.

        transport: What requests go through. None: the network.
    """

    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    environ: Mapping[str, str] = os.environ
    terminal: bool | None = None
    ask: Callable[[str], str] = input
    transport: Transport | None = None


@attrs.frozen
class SharedOptions:
    """
    The values of the shared options, as far as they are given. None: not given.
    """

    json: bool | None = None
    debug: bool | None = None
    config: Path | None = None
    to: str | None = None
    store: str | None = None


def _names(incomplete: str) -> list[str]:
    try:
        return [name for name in Config.load(Path(CONFIG)).names if name.startswith(incomplete)]
    except CommandError:
        return []


_SHARED: dict[str, Any] = {
    "json": Annotated[bool | None, typer.Option("--json", help="print JSON, for programs", show_default=False)],
    "debug": Annotated[
        bool | None,
        typer.Option("--debug", help="show requests, and where an error comes from", show_default=False),
    ],
    "config": Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help=f"what init wrote  [default: {CONFIG}]", show_default=False),
    ],
    "to": Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="NAME",
            help="which registration and course of that file; needless with one",
            show_default=False,
            autocompletion=_names,
        ),
    ],
    "store": Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="PATH",
            help="a SQLite file, or a postgresql:// URL  [default: $AIOAGS_OUTBOX]",
            show_default=False,
        ),
    ],
}
COMMON = ("json", "debug", "config", "to")


@attrs.frozen
class Run:
    """
    One run of a command: its shared options, and the world around it.

    Attributes:
        name: The command as it was called, such as ``aioags outbox stats``.
    """

    name: str
    shared: SharedOptions
    world: World

    @property
    def json(self) -> bool:
        """
        True: print JSON, and nothing else on standard output.
        """
        return bool(self.shared.json)

    @property
    def terminal(self) -> bool:
        """
        True: a person reads what is printed.
        """
        return sys.stdout.isatty() if self.world.terminal is None else self.world.terminal

    @property
    def config_path(self) -> Path:
        """
        The file that names the registrations, whether it is there or not.
        """
        return self.shared.config or Path(CONFIG)

    def target(self, name: str | None = None) -> Target:
        """
        Return the registration and course that the command is about.

        Args:
            name: As an argument has it. None: as ``--to`` has it, or the only one.

        Raises:
            CommandError: There is no such one, or several and none is named.
        """
        return Config.load(self.config_path, self.world.environ).target(name or self.shared.to)

    @asynccontextmanager
    async def client(self, retry: RetryPolicy = PATIENCE, on_event: Listener | None = None) -> AsyncIterator[Client]:
        """
        Open a client; with ``--debug`` each of its requests is a line on standard error.

        Args:
            on_event: Is told of them as well.
        """
        listeners = [one for one in (self._trace if self.shared.debug else None, on_event) if one is not None]

        def tell(event: Event) -> None:
            for listener in listeners:
                listener(event)

        told = tell if listeners else None
        async with Client(retry=retry, on_event=told, transport=self.world.transport) as client:
            yield client

    @asynccontextmanager
    async def course(
        self, name: str | None = None, retry: RetryPolicy = PATIENCE, on_event: Listener | None = None
    ) -> AsyncIterator[OpenCourse]:
        """
        Open the gradebook of the registration and course that the command is about.

        Args:
            name: As for `target`.

            retry, on_event: As for `client`.

        Raises:
            CommandError: As `target`, or it has no endpoint yet.
        """
        target = self.target(name)
        registration, endpoint = target.registration, target.endpoint
        async with self.client(retry, on_event) as client:
            yield OpenCourse(target, registration, endpoint, client, client.gradebook(registration, endpoint))

    def _trace(self, event: Event) -> None:
        if not event.attempt:
            self.note(f"{event.operation}: {event.error}")
            return
        status = "no answer" if event.status is None else event.status
        ended = f", {event.error}" if event.error else ""
        again = f", again in {event.wait:.1f} s" if event.wait is not None else ""
        self.note(f"{event.method} {event.url}: {status}, {event.seconds:.3f} s{ended}{again}")

    def fail(self, error: Exception) -> Status:
        """
        Say in one line on standard error what went wrong, with ``--debug`` where; return how the command ends.

        Raises:
            Exception: The error itself, where it is a fault of this package.
        """
        known = explained(error, self.shared.to)
        if known is None:
            raise error
        if self.shared.debug:
            self.note("".join(traceback.format_exception(error)).rstrip())
        self.note(f"{self.name}: {known[0]}")
        return known[1]

    def say(self, text: str) -> None:
        """
        Print a line for people; with ``--json`` nothing.
        """
        if not self.json:
            print(text)

    def note(self, text: str) -> None:
        """
        Print a line on standard error.
        """
        print(text, file=sys.stderr, flush=True)

    def dump(self, value: Any) -> None:
        """
        Print a value as one line of JSON.
        """
        # Elsewhere what the encoding lacks would be escaped in a way that is no JSON.
        plain = (sys.stdout.encoding or "utf-8").lower() not in ("utf-8", "utf8")
        print(json.dumps(value, ensure_ascii=plain, default=str))

    def show(self, headings: Sequence[str], records: Iterable[Mapping[str, Any]], *, empty: str) -> None:
        """
        Print records: as a table for people, with ``--json`` each as one line.

        Args:
            headings: The keys that people see, in order.

            empty: What people read where there is none.
        """
        if self.json:
            for record in records:
                self.dump(record)
            return
        rows = [tuple("" if record[key] is None else str(record[key]) for key in headings) for record in records]
        shown = [heading.replace("_", " ") for heading in headings]
        print(aligned([shown, *rows], left=range(len(headings))) if rows else empty)


Command = Callable[..., Any]


def as_command(function: Command, *, shared: Sequence[str] = COMMON) -> Command:
    """
    Return what typer takes for a command: the function, with the shared options.

    Args:
        function: ``(run: Run, …)``; what follows are arguments and options as typer has them.

        shared: Which of the shared options it takes.
    """

    def call(context: typer.Context, **given: Any) -> Status:
        run = _run(context, {name: given.pop(name) for name in shared})
        try:
            result = function(run, **given)
            ended = asyncio.run(result) if inspect.iscoroutine(result) else result
        except Exception as error:  # noqa: BLE001 - what nobody expects is raised again
            return run.fail(error)
        return Status.OK if ended is None else ended

    return _signed(call, function, shared)


def as_group(function: Command, *, shared: Sequence[str] = COMMON) -> Command:
    """
    Return what typer takes for the callback of a group: it takes the shared options that stand before the action.

    Args:
        function: Called before the action, with typer's context and with options of the group alone.
    """

    def call(context: typer.Context, **given: Any) -> None:
        context.obj = _run(context, {name: given.pop(name) for name in shared})
        function(context, **given)

    return _signed(call, function, shared)


def _run(context: typer.Context, given: Mapping[str, Any]) -> Run:
    before: Run = context.obj
    told = {name: value for name, value in given.items() if value is not None}
    return Run(context.command_path, attrs.evolve(before.shared, **told), before.world)


def _signed(call: Command, function: Command, shared: Sequence[str]) -> Command:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=_SHARED[name], default=None)
        for name in shared
    ]
    named = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    parameters = [context, *named, *more]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


_SECTION = re.compile(r"^(?:Args|Returns|Raises|Spec|Source):$", re.MULTILINE)


def help_of(function: Command) -> str:
    """
    Return a function's docstring as help: up to its ``Args``, its example line by line.
    """
    text = _SECTION.split(inspect.getdoc(function) or "", maxsplit=1)[0].strip()
    about, _, example = text.partition("Example:\n")
    # \b keeps the lines of a paragraph.
    return f"{about.strip()}\n\n\b\nExample:\n{example.rstrip()}\n" if example else about
