"""
The example of several machines, as the guide has it: its programs as processes of their own, two of them for the web.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from aioags.emulator import Platform, serve
from aioags.launch import dump_key, generate_key, jwks_document
from tests.launch.examples import free_port
from tests.launch.surfer import surfer

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "machines"


@asynccontextmanager
async def running(
    *command: str, fds: tuple[int, ...] = (), **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """
    Run a program until the block ends, and tell it to stop.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        pass_fds=fds,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.wait()


@pytest.mark.needs("postgres")
async def test_a_launch_on_either_machine_is_graded_by_the_worker(postgres: str, tmp_path: Path) -> None:
    key = generate_key()
    platform = Platform.create(tool_public_keys=jwks_document([key]))
    posted: asyncio.Queue[str] = asyncio.Queue()
    platform.subscribe(lambda exchange: posted.put_nowait(exchange.operation))
    doors = [free_port(), free_port()]
    for door in doors:
        # Who asks before the program is there waits.
        door.listen()
    tools = [f"http://127.0.0.1:{door.getsockname()[1]}/lti" for door in doors]
    # One address for all machines, as behind a balancer: here the first one's.
    redirect_uri = f"{tools[0]}/launch"
    known = {"DATABASE_URL": postgres, "AIOAGS_KEYS": dump_key(key), "REDIRECT_URI": redirect_uri}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serve(platform))
        agreed = tmp_path / "school.json"
        agreed.write_text(json.dumps(platform.registration_args()), encoding="utf-8")
        for _ in range(2):
            async with running("prepare.py", str(agreed), **known) as made:
                assert await made.wait() == 0
        for door in doors:
            fd = door.fileno()
            await stack.enter_async_context(running("-m", "uvicorn", "web:app", "--fd", str(fd), fds=(fd,), **known))
        await stack.enter_async_context(running("worker.py", **known))
        for tool, user in zip(tools, ("user-0001", "user-0002"), strict=True):
            # Begun on this machine, taken by the first: a login is kept by neither.
            platform.launches.connect(login_url=f"{tool}/login", redirect_uri=redirect_uri)
            async with surfer() as browser:
                page = await browser.open(platform.launches.url(user))
                assert (page.status, "Welcome" in page.text) == (200, True)
            while await asyncio.wait_for(posted.get(), 120) != "post_score":
                pass
            result = platform.result(None, user)
            assert result is not None and result["resultScore"] == 100
    for door in doors:
        door.close()
