"""
Locks that die with their owner, kept by PostgreSQL.

Theory of operation. However many locks a process holds, they lie on one connection: a connection for each would take
from the pool what those who hold the locks need to go on, and then all would wait for each other. The connection is
held while any lock is. To the server all locks of one connection have one owner, so which of our own callers holds
which is remembered here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg

from aioags.calls.log import DEBUG, log
from aioags.outbox.postgres import sql

Connection = psycopg.AsyncConnection[Any]


class Locks:
    """
    The locks of one process.

    Args:
        connect: Holds a connection in autocommit mode.
    """

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[Connection]]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._stack = AsyncExitStack()
        self._turn = asyncio.Lock()
        self._held: set[str] = set()

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[bool]:
        """
        Hold a lock while the block runs. False: somebody else holds it.
        """
        mine = await self._acquire(name)
        try:
            yield mine
        finally:
            if mine:
                await self._release(name)

    async def _acquire(self, name: str) -> bool:
        async with self._turn:
            if name in self._held:
                return False
            try:
                connection = await self._opened()
                row = await (await connection.execute(sql.TRY_LOCK, (name,))).fetchone()
            except BaseException:
                # One who was cancelled may have got it.
                await self._unlock(name)
                raise
            if row and row[0]:
                self._held.add(name)
                return True
            await self._close_if_idle()
            return False

    async def _opened(self) -> Connection:
        if self._connection is None or self._connection.closed:
            await self._stack.aclose()
            self._connection = await self._stack.enter_async_context(self._connect())
        return self._connection

    async def _release(self, name: str) -> None:
        # First of all: cancelled from here on, the lock lasts a little longer for others, but not for us.
        self._held.discard(name)
        async with self._turn:
            await self._unlock(name)

    async def _unlock(self, name: str) -> None:
        if self._connection is not None:
            try:
                await self._connection.execute(sql.UNLOCK, (name,))
            except psycopg.Error as error:
                log(DEBUG, "outbox: a lock has died with its connection: %(error)s", error=str(error))
        await self._close_if_idle()

    async def _close_if_idle(self) -> None:
        if self._held or self._connection is None:
            return
        connection, self._connection = self._connection, None
        try:
            await connection.execute(sql.UNLOCK_ALL)
        except psycopg.Error as error:
            log(DEBUG, "outbox: the locks have died with their connection: %(error)s", error=str(error))
        await self._stack.aclose()
