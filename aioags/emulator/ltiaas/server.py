"""
The gateway on a socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
from aiohttp import web

from aioags.emulator.doors.server import LONGEST_LINE, Sleep, read_request
from aioags.emulator.ltiaas.gateway import Gateway


@attrs.define
class GatewayServer:
    """
    A gateway that listens.

    Attributes:
        url: Its origin: the account's base URL.

        port: The port it got.
    """

    gateway: Gateway
    url: str
    port: int


@asynccontextmanager
async def serve(
    gateway: Gateway, *, host: str = "127.0.0.1", port: int = 0, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[GatewayServer]:
    """
    Listen while the block runs. The platform behind it need not listen: it is asked in this process.

    Args:
        host: Loopback unless told otherwise: the API key of an emulator is no secret.

        port: 0: any free one.

        sleep: What waits where the platform is slow.

    Raises:
        OSError: The address cannot be used.
    """

    async def handle(incoming: web.BaseRequest) -> web.StreamResponse:
        answer = gateway.answer(read_request(incoming, gateway.base_url, await incoming.read()))
        if answer.manner.wait:
            await sleep(answer.manner.wait)
        return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body or None)

    reader = web.Server(handle, access_log=None, max_line_size=LONGEST_LINE, max_field_size=LONGEST_LINE)
    listener = await asyncio.get_running_loop().create_server(reader, host, port, backlog=1024)
    bound = listener.sockets[0].getsockname()[1]
    gateway.base_url = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    try:
        yield GatewayServer(gateway, gateway.base_url, bound)
    finally:
        listener.close()
        await reader.shutdown(timeout=0)
        await listener.wait_closed()
