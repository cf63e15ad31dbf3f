"""
One thread that writes.

Theory of operation. Callers hand in functions of the connection and wait. The thread takes whatever waits, runs it in
one transaction and answers everybody after the commit: under load hundreds of callers share one fsync, and a lone one
pays for its own. If any of them fails, the transaction is rolled back and each is run alone, so that only the guilty
one's caller hears of it.

An answer is given after the commit, never before, so an answered write is durable; once after each commit it is looked
whether the file is still the one that is open, or everybody hears of that instead. A caller that is cancelled does not
take its write back.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from aioags.outbox.model import StoreError

T = TypeVar("T")

# One transaction's worth of callers. Beyond it the first of them wait for no good reason.
_MOST_TOGETHER = 1024


@attrs.define(eq=False)
class _Job:
    run: Callable[[sqlite3.Connection], Any]
    answer: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    value: Any = None
    error: Exception | None = None

    def attempt(self, connection: sqlite3.Connection) -> None:
        self.value, self.error = self.run(connection), None

    def tell(self) -> None:
        if self.answer.done():
            return
        if self.error is None:
            self.answer.set_result(self.value)
        else:
            self.answer.set_exception(self.error)


class Writer:
    """
    The only writer of this process.

    Args:
        connect: Opens the connection, in the thread.

        look: Called in the thread after each commit. What it raises is the answer to everybody of that commit.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], look: Callable[[], None]) -> None:
        self._connect = connect
        self._look = look
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._closed = False

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run a function within a transaction, and return its value once it is durable.

        Raises:
            StoreError: SQLite failed, or the writer is closed, or belongs to the process that this one was forked from.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed")
            if self._thread is not None and self._process != os.getpid():
                # There is no such thread here, and SQLite forbids to take its connection along.
                raise StoreError("the store was opened before this process was forked: make one in each process")
            if self._thread is None:
                self._process = os.getpid()
                # A daemon: what was not answered may be lost, and a forgotten close must not keep the process alive.
                self._thread = threading.Thread(target=self._work, name="aioags outbox", daemon=True)
                self._thread.start()
            self._jobs.put(_Job(job, answer, loop))
        return await answer

    async def aclose(self) -> None:
        """
        Let what was handed in finish, then close the connection. Can be called twice.
        """
        with self._lock:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
            thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join)

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        ending = False
        while not ending:
            group, ending = self._next_group()
            if group and connection is None:
                connection = self._open(group)
            if connection is not None:
                self._commit(connection, group)
            _answer(group)
        if connection is not None:
            connection.close()

    def _next_group(self) -> tuple[list[_Job], bool]:
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) >= _MOST_TOGETHER:
                return group, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _open(self, group: list[_Job]) -> sqlite3.Connection | None:
        try:
            return self._connect()
        except Exception as error:  # noqa: BLE001  Whatever it is, somebody waits to hear of it.
            _fail(group, error)
            return None

    def _commit(self, connection: sqlite3.Connection, group: list[_Job]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            # Another process did not let us write for half a minute: nobody's fault, and not to be waited for one by
            # one.
            _fail(group, error)
            return
        try:
            _together(connection, group)
        except Exception as error:  # noqa: BLE001  Whatever it is, it belongs to a caller, who gets it.
            if len(group) == 1:
                _fail(group, error)
                return
            for job in group:
                self._commit(connection, [job])
            return
        try:
            self._look()
        except Exception as error:  # noqa: BLE001  Everybody of this commit waits to hear of it.
            _fail(group, error)


def _fail(group: list[_Job], error: Exception) -> None:
    for job in group:
        job.error = _as_store_error(error)


def _together(connection: sqlite3.Connection, group: list[_Job]) -> None:
    try:
        for job in group:
            job.attempt(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _as_store_error(error: Exception) -> Exception:
    if isinstance(error, (sqlite3.Error, OSError)):
        wrapped = StoreError(f"SQLite: {error}")
        wrapped.__cause__ = error
        return wrapped
    return error


def _answer(group: list[_Job]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = defaultdict(list)
    for job in group:
        by_loop[job.loop].append(job)
    for loop, jobs in by_loop.items():
        # One wake-up of the loop for all of them. A loop that is closed has nobody who waits.
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell, jobs)


def _tell(jobs: list[_Job]) -> None:
    for job in jobs:
        job.tell()
