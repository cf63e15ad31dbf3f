"""
The platform on a socket for code that has no event loop: the server runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from aioags.emulator.doors.server import Server, serve
from aioags.emulator.platform import Platform

Running = tuple[Server, asyncio.AbstractEventLoop, asyncio.Event]


@contextmanager
def serve_in_thread(
    platform: Platform, *, host: str = "127.0.0.1", port: int = 0, page: bool = False
) -> Iterator[Server]:
    """
    Listen while the block runs, as `serve` does, beside whatever the caller's thread does.

    Change the platform between requests, not during one: it takes no locks.

    Args:
        page: True: with the gradebook page, at `Server.page_url`.

    Raises:
        OSError: The address cannot be used.
    """
    running: Future[Running] = Future()

    def run() -> None:
        try:
            asyncio.run(_serve(platform, host, port, page, running))
        except Exception as error:
            # The caller waits for a server or for the reason why there is none.
            if running.done():
                raise
            running.set_exception(error)

    thread = threading.Thread(target=run, name="aioags emulator", daemon=True)
    thread.start()
    server, loop, stop = running.result()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def _serve(platform: Platform, host: str, port: int, page: bool, running: Future[Running]) -> None:
    stop = asyncio.Event()
    async with serve(platform, host=host, port=port, page=page) as server:
        running.set_result((server, asyncio.get_running_loop(), stop))
        await stop.wait()
