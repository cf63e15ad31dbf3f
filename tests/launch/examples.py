"""
The examples of the documentation, each served as it stands, beside an emulated platform.
"""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import uvicorn
from aiohttp import web
from django.urls import clear_url_caches

from aioags import Registration
from aioags.emulator import Platform, serve
from aioags.launch import ToolSettings

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@attrs.frozen
class Stand:
    """
    A platform and a tool that know each other.

    Attributes:
        url: The tool's origin.
    """

    platform: Platform
    settings: ToolSettings
    url: str


def load(name: str) -> ModuleType:
    """
    Import an example from its file, anew.
    """
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Django finds its routes by the name of their module, and remembers them.
    sys.modules[name] = module
    clear_url_caches()
    spec.loader.exec_module(module)
    return module


def free_port() -> socket.socket:
    """
    Return a socket that listens on a free port of loopback.
    """
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


class _Server(uvicorn.Server):
    """
    Says when it is ready.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """
        Start up, and say so.
        """
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def under_uvicorn(app: Any, listener: socket.socket, certificate: Path | None = None) -> AsyncIterator[None]:
    """
    Serve an ASGI application while the block runs; its lifespan must work.
    """
    how: dict[str, Any] = {"log_level": "warning", "lifespan": "on", "ws": "none", "timeout_graceful_shutdown": 1}
    config = uvicorn.Config(app, ssl_certfile=certificate, **how)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait([serving, ready], return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    assert server.started
    try:
        yield
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def under_aiohttp(app: web.Application, listener: socket.socket) -> AsyncIterator[None]:
    """
    Serve an aiohttp application while the block runs.
    """
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield
    finally:
        await runner.cleanup()


SERVERS = {"fastapi_tool": under_uvicorn, "aiohttp_tool": under_aiohttp, "django_tool": under_uvicorn}


@asynccontextmanager
async def served(
    create_app: Callable[[ToolSettings], Any],
    server: Any,
    *,
    scheme: str = "http",
    lms_host: str = "127.0.0.1",
    profile: str = "spec",
    **others: Any,
) -> AsyncIterator[Stand]:
    """
    Serve a tool and a platform with five learners and a teacher, both on loopback.

    Args:
        server: `under_uvicorn` or `under_aiohttp`.

        scheme: Of the tool's URLs.

        lms_host: What the platform calls itself: another name of loopback makes it another site than the tool.

        profile: Which platform it is.

        others: Of the tool's settings.
    """
    platform = Platform.create(profile)
    platform.course.enroll("teacher-1", "Tea Cher", "Instructor")
    listener = free_port()
    tool = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    async with serve(platform) as lms:
        platform.site.base_url = f"http://{lms_host}:{lms.port}"
        platform.launches.connect(login_url=f"{tool}/lti/login", redirect_uri=f"{tool}/lti/launch")
        registration = Registration(**platform.registration_args())
        settings = ToolSettings(
            registrations=[registration],
            redirect_uri=f"{tool}/lti/launch",
            keys=[registration],
            **others,
        )
        async with server(create_app(settings), listener):
            yield Stand(platform, settings, tool)


def example(name: str, **settings: Any) -> AbstractAsyncContextManager[Stand]:
    """
    Serve an example, as `served` does.
    """
    return served(load(name).create_app, SERVERS[name], **settings)
