"""
One thread that writes.

Theory of operation. Callers hand in functions of the connection and wait; the rest is `GroupCommit`, whose steps this
thread makes, one after another. Nothing in them ever waits for an event loop, since SQLite blocks and nobody is found
held: a file has one lock, for which everybody waits alike. So a step runs to its end when it is sent off, and the
thread needs no loop of its own.

Once after each commit it is looked whether the file is still the one that is open, or everybody hears of that instead.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from aioags.outbox.group_commit import Commit, GroupCommit, Step
from aioags.outbox.model import StoreError
from aioags.outbox.sqlite.reading import FAILURES, Damage, mend, told

T = TypeVar("T")

_Job = Callable[[sqlite3.Connection], Any]


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
        self._steps: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
        self._commits: GroupCommit[_Job, Any] = GroupCommit(self._make, start=self._steps.put)
        self._connection: sqlite3.Connection | None = None
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
        with self._lock:
            self._require_open()
            answer = self._commits.begin((job,))
        value: T = await answer
        return value

    def _require_open(self) -> None:
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

    async def aclose(self) -> None:
        """
        Let what was handed in finish, then close the connection. Can be called twice.
        """
        with self._lock:
            if not self._closed:
                self._closed = True
                self._steps.put(None)
            thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join)

    def _work(self) -> None:
        for step in iter(self._steps.get, None):
            _run_to_its_end(step)
        # A step starts the next before it ends: when none is left, everybody has been answered.
        with suppress(queue.Empty):
            while last := self._steps.get_nowait():
                _run_to_its_end(last)
        if self._connection is not None:
            self._connection.close()

    async def _make(self, group: list[Commit[_Job, Any]]) -> None:
        try:
            connection = self._connection = self._connection or self._connect()
            connection.execute("BEGIN IMMEDIATE")
        except Exception as error:  # noqa: BLE001  Whatever it is, everybody waits to hear of it.
            # The file cannot be opened, or another process did not let us write for half a minute: nobody's fault, and
            # not to be waited for one by one.
            _fail(group, error)
            return
        try:
            values = _committed(connection, group)
        except FAILURES as error:
            raise _store_error(error) from error
        try:
            self._look()
        except Exception as error:  # noqa: BLE001  Everybody of this commit waits to hear of it.
            _fail(group, error)
            return
        for commit, value in zip(group, values, strict=True):
            commit.settle(value)


def _run_to_its_end(step: Step) -> None:
    with suppress(StopIteration):
        step.send(None)


def _committed(connection: sqlite3.Connection, group: list[Commit[_Job, Any]]) -> list[Any]:
    jobs = [job for commit in group for job in commit.items]
    try:
        return _made(connection, jobs)
    except Damage:
        connection.execute("BEGIN IMMEDIATE")
        _made(connection, [mend])
        connection.execute("BEGIN IMMEDIATE")
        return _made(connection, jobs)


def _made(connection: sqlite3.Connection, jobs: Sequence[_Job]) -> list[Any]:
    # Which commits, or takes back what SQLite has not taken back itself.
    with connection:
        return [job(connection) for job in jobs]


def _fail(group: list[Commit[_Job, Any]], error: Exception) -> None:
    for commit in group:
        commit.fail(_store_error(error))


def _store_error(error: Exception) -> Exception:
    if isinstance(error, FAILURES):
        wrapped = StoreError(told(error))
        wrapped.__cause__ = error
        return wrapped
    return error
