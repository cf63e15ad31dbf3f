"""
``python -m aioags.emulator`` as a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def command(*arguments: str, **options: Any) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """
    Run the command; what it prints comes with it. It is killed in the end.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "aioags.emulator", *arguments, stdout=pipe, stderr=pipe, **options
    )
    assert process.stdout is not None
    try:
        lines = [await process.stdout.readline()]
        while lines[-1] not in (b"}\n", b""):
            lines.append(await process.stdout.readline())
        yield process, json.loads(b"".join(lines) or b"{}")
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run_to_its_end(*arguments: str) -> tuple[int, str, str]:
    """
    Run the command until it ends by itself; return its exit status, what it printed, and what it complained of.

    One that begins to serve instead is killed, and its status is that of a kill.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "aioags.emulator", *arguments, stdout=pipe, stderr=pipe
    )
    assert process.stdout is not None
    lines = [await process.stdout.readline()]
    while lines[-1] not in (b"}\n", b""):
        lines.append(await process.stdout.readline())
    if lines[-1]:
        process.kill()
    _, err = await process.communicate()
    return process.returncode or 0, b"".join(lines).decode(), err.decode()
