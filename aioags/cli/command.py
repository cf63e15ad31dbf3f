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
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import attrs
import typer

from aioags.calls.transport import Transport
from aioags.cli.config import OpenCourse
from aioags.cli.failures import CommandError, Status, explained
from aioags.cli.shown import aligned, duration, shown_duration
from aioags.client import Client
from aioags.config import Config, ConfigFileError, Target
from aioags.model.event import Event, NoticeEvent, RequestEvent
from aioags.model.policy import RetryPolicy

CONFIG = "aioags.toml"

Listener = Callable[[Event], None]

PATIENCE = 15.0
"""Seconds without any answer after which it is given up, unless ``--timeout`` says otherwise: somebody waits."""

# A platform that answers, if only that it is busy, is worth more of them.
_WHILE_IT_ANSWERS = 45.0


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
    timeout: float | None = None
    store: str | None = None


def _names(incomplete: str) -> list[str]:
    try:
        return [name for name in Config.load(Path(CONFIG)).names if name.startswith(incomplete)]
    except ConfigFileError:
        return []


_SHARED: dict[str, Any] = {
    "json": Annotated[bool | None, typer.Option("--json", help="print JSON, for programs")],
    "debug": Annotated[bool | None, typer.Option("--debug", help="show requests, and where an error comes from")],
    "config": Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help=f"what init wrote  [default: {CONFIG}]")
    ],
    "to": Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="NAME",
            help="which registration and course of that file; needless with one",
            autocompletion=_names,
        ),
    ],
    "timeout": Annotated[
        float | None,
        typer.Option(
            "--timeout",
            parser=duration,
            metavar="TIME",
            help=f"how long to try what is not answered  [default: {PATIENCE:.0f}s]",
        ),
    ],
    "store": Annotated[
        str | None,
        typer.Option(
            "--store", metavar="PATH", help="a SQLite file, or a postgresql:// URL  [default: $AIOAGS_OUTBOX]"
        ),
    ],
}
COMMON = ("json", "debug", "config", "to", "timeout")


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
            ConfigFileError: There is no such one, or several and none is named.
        """
        return Config.load(self.config_path, self.world.environ).target(name or self.shared.to)

    @property
    def patience(self) -> float:
        """
        Seconds without any answer after which it is given up.
        """
        return PATIENCE if self.shared.timeout is None else self.shared.timeout

    @asynccontextmanager
    async def client(self, on_event: Listener | None = None, *, attempts: int | None = None) -> AsyncIterator[Client]:
        """
        Open a client; with ``--debug`` each of its requests is a line on standard error, else what is waited for.

        Args:
            on_event: Is told of them as well.

            attempts: Most tries of one request. None: as many as there is time for; it is given up when nothing is
                answered for `patience` seconds. With a number, only where a host never answered.

        Raises:
            CommandError: It was given up.
        """
        limit = asyncio.timeout(None)
        waits = _Waits(self, limit, gives_up=attempts is None)

        def told(event: Event) -> None:
            for listener in (self._trace if self.shared.debug else waits.tell, waits.watch, on_event):
                if listener is not None:
                    listener(event)

        retry = RetryPolicy(attempts or 8, total_time=max(_WHILE_IT_ANSWERS, self.patience))
        try:
            async with limit, Client(retry=retry, on_event=told, transport=self.world.transport) as client:
                yield client
        except TimeoutError:
            if not limit.expired():
                raise
            raise CommandError(waits.given_up, Status.UNREACHABLE) from None

    @asynccontextmanager
    async def course(
        self, on_event: Listener | None = None, *, attempts: int | None = None
    ) -> AsyncIterator[OpenCourse]:
        """
        Open the gradebook of the registration and course that the command is about.

        Args:
            on_event, attempts: As for `client`.

        Raises:
            ConfigFileError: As `target`, or it has no endpoint yet.
        """
        target = self.target()
        registration, endpoint = target.registration, target.endpoint
        async with self.client(on_event, attempts=attempts) as client:
            yield OpenCourse(target, registration, endpoint, client, client.gradebook(registration, endpoint))

    def _trace(self, event: Event) -> None:
        if isinstance(event, (RequestEvent, NoticeEvent)):
            self.note(str(event))

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

    def tell(self, record: Any, *lines: str) -> None:
        """
        Print lines for people at once; with ``--json`` a record instead, as `dump` does.
        """
        if self.json:
            self.dump(record)
        elif lines:
            print("\n".join(lines), flush=True)

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


_WORDS = {"UnreachableError": "not reached", "LostAnswerError": "no answer", "ThrottledError": "it asks for patience"}


# Operations of which a large course has hundreds.
_LISTINGS = {"members": "people", "results": "results"}


@attrs.define
class _Waits:
    """
    Tells once for each host that it is waited for, people of long listings as well, and gives up where nothing is
    answered.
    """

    run: Run
    limit: asyncio.Timeout
    gives_up: bool
    hosts: set[str] = attrs.field(factory=set)
    answered: set[str] = attrs.field(factory=set)
    pages: Counter[str] = attrs.field(factory=Counter)
    given_up: str = ""

    def tell(self, event: Event) -> None:
        if not isinstance(event, RequestEvent):
            return
        if event.wait is None:
            self._count(event)
            return
        host = urlsplit(event.url).netloc
        if host not in self.hosts:
            self.hosts.add(host)
            said = _WORDS.get(event.error or "", event.error)
            self.run.note(f"{host}: {said}; trying again (--timeout says how long, Ctrl-C ends it)")

    def _count(self, event: RequestEvent) -> None:
        if event.operation in _LISTINGS and event.error is None and self.run.terminal:
            self.pages[event.operation] += 1
            if self.pages[event.operation] % 100 == 0:
                self.run.note(f"{self.pages[event.operation]:,} pages of {_LISTINGS[event.operation]} read")

    def watch(self, event: Event) -> None:
        if not isinstance(event, RequestEvent):
            return
        host, patience = urlsplit(event.url).netloc, self.run.patience
        if event.status is not None:
            self.answered.add(host)
            self.limit.reschedule(None)
        elif (self.gives_up or host not in self.answered) and event.wait is not None and self.limit.when() is None:
            to = f" {self.run.shared.to}" if self.run.shared.to else ""
            self.given_up = f"no answer of {host} for {shown_duration(patience)}: aioags doctor{to} looks where it ends"
            self.limit.reschedule(asyncio.get_running_loop().time() - event.seconds + patience)


Command = Callable[..., Any]


def as_command(function: Command, *, shared: Sequence[str] = COMMON) -> Command:
    """
    Return what typer takes for a command: the function, with the shared options.

    Args:
        function: ``(run: Run, …)``; what follows are arguments and options as typer has them, or an attrs class whose
            fields are such: several commands may take it.

        shared: Which of the shared options it takes.
    """
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    grouped = {one.name: one.annotation for one in own if attrs.has(one.annotation)}

    def call(context: typer.Context, **given: Any) -> Status:
        run = _run(context, {name: given.pop(name) for name in shared})
        try:
            for name, group in grouped.items():
                given[name] = group(**{field.name: given.pop(field.name) for field in attrs.fields(group)})
            result = function(run, **given)
            ended = asyncio.run(result) if inspect.iscoroutine(result) else result
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read our output, such as head, has seen enough. What is left of it must not be told at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return Status.UNREAD
        except Exception as error:  # noqa: BLE001 - what nobody expects is raised again
            return run.fail(error)
        return Status.OK if ended is None else ended

    return _signed(call, [option for one in own for option in _options(one)], shared)


def as_group(function: Command, *, shared: Sequence[str] = COMMON) -> Command:
    """
    Return what typer takes for the callback of a group: it takes the shared options that stand before the action.

    Args:
        function: Called before the action, with typer's context and with options of the group alone.
    """

    def call(context: typer.Context, **given: Any) -> None:
        context.obj = _run(context, {name: given.pop(name) for name in shared})
        function(context, **given)

    return _signed(call, list(inspect.signature(function, eval_str=True).parameters.values())[1:], shared)


def _run(context: typer.Context, given: Mapping[str, Any]) -> Run:
    before: Run = context.obj
    told = {name: value for name, value in given.items() if value is not None}
    return Run(context.command_path, attrs.evolve(before.shared, **told), before.world)


def _options(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    if not attrs.has(parameter.annotation):
        return [parameter]
    fields = attrs.fields(attrs.resolve_types(parameter.annotation, include_extras=True))
    # attrs and inspect have each a word of their own for what has no default.
    defaults = {attrs.NOTHING: inspect.Parameter.empty}
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=field.type,
            default=defaults.get(field.default, field.default),
        )
        for field in fields
    ]


def _signed(call: Command, own: Iterable[inspect.Parameter], shared: Sequence[str]) -> Command:
    keyword = inspect.Parameter.KEYWORD_ONLY
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    more = [inspect.Parameter(name, keyword, annotation=_SHARED[name], default=None) for name in shared]
    parameters = [context, *(one.replace(kind=keyword) for one in own), *more]
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
