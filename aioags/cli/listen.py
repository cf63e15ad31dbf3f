"""
``aioags listen``: take one launch through the browser, and write its endpoint down.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from aiohttp import web

from aioags.cli.command import Run
from aioags.cli.failures import CommandError, Status
from aioags.cli.outcomes import check_place
from aioags.cli.setup import TOOL_URL
from aioags.config import Target
from aioags.contrib.aiohttp import LTI
from aioags.gradebook import Gradebook
from aioags.launch import Launch, ToolSettings

_PAGE = "<!doctype html><title>aioags</title><p>{}</p>"


async def listen(
    run: Run,
    *,
    name: Annotated[str | None, typer.Argument(help="which registration")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="of this machine")] = 8765,
    tool_url: Annotated[str | None, typer.Option(help="where browsers find it, behind a tunnel or proxy")] = None,
    save_as: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="write it under another name: a second course")
    ] = None,
) -> Status:
    """
    Take one launch through the browser, and write down where its course is: line items, scopes, members.

    It listens on this machine only, until somebody launches the tool from the course in question. A browser on this
    machine is enough: the LMS itself need not reach it.

    Example:
        aioags listen school
    """
    target = run.target(name)
    check_place(run.config_path)  # before somebody goes and launches
    registration = target.registration
    if registration.authorization_url is None or registration.jwks_url is None:
        raise CommandError(f"{target.where} lacks authorization_url or jwks_url: without both nothing is launched")
    base = (tool_url or TOOL_URL.replace("8765", str(port))).rstrip("/")
    taken: asyncio.Queue[Launch] = asyncio.Queue()
    settings = ToolSettings(
        registrations=[registration], redirect_uri=f"{base}/launch", keys=target.keys(), target_origins=[base]
    )
    async with _receiver(settings, taken, port):
        run.note(f"Listening on {base}: open the course in {registration.issuer} and launch the tool. Ctrl-C ends.")
        launch = await taken.get()
    return _write(run, target, save_as or target.name, launch)


@asynccontextmanager
async def _receiver(settings: ToolSettings, taken: asyncio.Queue[Launch], port: int) -> AsyncIterator[None]:
    lti = LTI(settings)

    @lti.on_launch
    async def launched(_: web.Request, launch: Launch, gradebook: Gradebook | None) -> web.StreamResponse:
        taken.put_nowait(launch)
        said = "Taken" if gradebook is not None else "This launch offers no grades to the tool"
        return web.Response(text=_PAGE.format(f"{said}. Look at the terminal."), content_type="text/html")

    app = web.Application()
    lti.setup(app, "")
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "localhost", port).start()
        except OSError as error:
            raise CommandError(f"cannot listen on port {port}: {error.strerror}: --port names another") from None
        yield
    finally:
        await runner.cleanup()


def _write(run: Run, target: Target, name: str, launch: Launch) -> Status:
    from aioags.emulator.doors.config_file import update_table

    if launch.endpoint is None:
        raise CommandError(
            "the launch offers no grades: turn on Assignment and Grade Services for this tool; "
            f"aioags doctor {target.name} says where",
            Status.UNAUTHORIZED,
        )
    values: dict[str, Any] = {} if name == target.name else dict(target.values)
    values |= {"lineitems": None, "lineitem": None, **launch.endpoint.to_claim()}
    values |= {"memberships_url": launch.memberships_url, "deployment_id": launch.deployment_id}
    update_table(run.config_path, name, values, pem=None)
    course = launch.context.title if launch.context is not None and launch.context.title else "the course"
    run.tell(
        {"name": name, **{key: value for key, value in values.items() if value is not None}},
        f"Written into {run.config_path} as [{name}]: {course}. Next: aioags items list --to {name}.",
    )
    host = urlsplit(launch.endpoint.lineitems or launch.endpoint.lineitem or "").hostname
    if host and host != urlsplit(launch.registration.token_url).hostname:
        run.say(f"Its services are at {host}.")
    return Status.OK
