"""
Who looks at the gradebook page, and what they are told while they look: server-sent events.

Theory of operation. Changes and requests are noted as they come, which costs next to nothing, and sent a moment later,
together: one message for all listeners, and however much happened it is bounded, since a cell that changed a thousand
times is sent once and of many requests only the newest. A listener has room for a few messages; one that does not read
them is cut off, and comes back when it can.

Every note moves the version. The page says which version it shows, the first message of a connection which is current:
where they differ the page is fetched again. So nothing is missed before, between or after connections.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any

import attrs
from aiohttp import web

from aioags.emulator.platform import Platform
from aioags.emulator.traffic.changes import EVERYTHING, Change
from aioags.emulator.traffic.exchanges import Exchange
from aioags.emulator.web.fault_switches import faults
from aioags.emulator.web.refused import LastRefused
from aioags.emulator.web.requests import SHOWN, entry
from aioags.emulator.web.table import cell, cell_key

# Seconds between what happens and what is sent: below what people notice.
DELAY = 0.1
# Seconds after which an idle connection says that it is there.
KEEP_ALIVE = 15.0
# Milliseconds after which a window that lost its connection tries again.
RETRY = 1000
# Windows at once. A browser allows six for one address.
MOST_LISTENERS = 32
# Messages that wait for one listener.
ROOM = 16
# Cells in one message; where more changed the page is fetched again.
MOST_CELLS = 300
HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@attrs.define(eq=False)
class Listener:
    """
    One window.

    Attributes:
        cut: Ends its connection.
    """

    gone: Callable[[], bool]
    cut: Callable[[], None]
    waiting: asyncio.Queue[bytes] = attrs.field(factory=lambda: asyncio.Queue(ROOM))

    def offer(self, message: bytes) -> bool:
        """
        Let a message wait; False: there is no room, and the listener was cut off.
        """
        if self.waiting.full():
            self.cut()
            return False
        self.waiting.put_nowait(message)
        return True


@attrs.define(eq=False)
class Live:
    """
    What happens on one platform, for its page. Made and stopped in a running event loop.

    Attributes:
        delay: Seconds that changes are gathered.

        keep_alive: Seconds.

        refused: Scores that were refused.
    """

    platform: Platform
    delay: float = DELAY
    keep_alive: float = KEEP_ALIVE
    listeners: list[Listener] = attrs.field(factory=list)
    _version: int = 0
    _changes: set[Change] = attrs.field(factory=set)
    _requests: deque[Exchange] = attrs.field(factory=lambda: deque(maxlen=SHOWN))
    _outline: int = 0
    _faults: str = ""
    _due: bool = False
    refused: LastRefused = attrs.field(init=False)
    _loop: asyncio.AbstractEventLoop = attrs.field(init=False)
    _stops: list[Callable[[], None]] = attrs.field(init=False)
    # Two runs of a server must not agree on a version by chance.
    _run: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._run = id(self)
        self.refused = LastRefused(self.platform)
        self._stops = [
            self.refused.stop,
            self.platform.watch(self._note_change),
            self.platform.subscribe(self._note_request),
        ]
        self._outline = outline(self.platform)

    def stop(self) -> None:
        """
        Note nothing any more, and cut all listeners off.
        """
        for stop in self._stops:
            stop()
        for listener in self.listeners:
            listener.cut()

    @property
    def version(self) -> str:
        """
        What the platform's memory is now; another text after every change and request.
        """
        return f"{self._run}.{self._version}"

    def _note_change(self, change: Change) -> None:
        self._version += 1
        if self.listeners:
            self._changes.add(change)
            self._tell_soon()

    def _note_request(self, exchange: Exchange) -> None:
        self._version += 1
        if self.listeners:
            self._requests.append(exchange)
            self._tell_soon()

    def _tell_soon(self) -> None:
        if not self._due:
            self._due = True
            # The platform may be changed from another thread than the server's.
            self._loop.call_soon_threadsafe(self._loop.call_later, self.delay, self.tell)

    def tell(self) -> None:
        """
        Send what was noted to all listeners.
        """
        self._due = False
        data = b"data: " + json.dumps(self._message()).encode() + b"\n\n"
        self.listeners = [listener for listener in self.listeners if listener.offer(data)]

    def _message(self) -> dict[str, Any]:
        changes, requests = self._changes, list(self._requests)
        self._changes = set()
        self._requests.clear()
        message: dict[str, Any] = {"version": self.version, "total": self.platform.counts.total()}
        message["requests"] = [entry(self.platform, exchange) for exchange in requests]
        cells = self._cells(changes)
        message["cells"] = cells if cells is not None else {}
        message["again"] = cells is None or (EVERYTHING in changes and self._is_outline_new())
        shown = faults(self.platform)
        if shown != self._faults:
            self._faults = message["faults"] = shown
        return message

    def _cells(self, changes: set[Change]) -> dict[str, str] | None:
        """
        Build the cells that changed; None: they are too many, or a whole column.
        """
        places = [change for change in changes if change.item is not None]
        if len(places) > MOST_CELLS or any(change.user is None for change in places):
            return None
        return {
            cell_key(item.number, user): cell(self.platform, item, user, self.refused.get(item.number, user))
            for course in self.platform.site.state.courses.values()
            for item, user in ((course.items.get(change.item or 0), change.user or "") for change in places)
            # A refused score may be about nobody.
            if item is not None and (user in course.people or user in item.grades)
        }

    def _is_outline_new(self) -> bool:
        before, self._outline = self._outline, outline(self.platform)
        return self._outline != before

    async def stream(self, incoming: web.BaseRequest) -> web.StreamResponse:
        """
        Tell one window what happens, until it closes or does not read.
        """
        self.listeners = [listener for listener in self.listeners if not listener.gone()]
        if len(self.listeners) >= MOST_LISTENERS:
            return web.Response(status=503, text="Too many windows look at this page.")
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(incoming)
        transport = incoming.transport
        if transport is None:
            return response
        listener = Listener(lambda: incoming.transport is None, transport.abort)
        self.listeners.append(listener)
        try:
            await response.write(f"retry: {RETRY}\nevent: hello\ndata: {self.version}\n\n".encode())
            while listener in self.listeners:
                await response.write(await self._next(listener))
        except ConnectionError:
            # The window was closed, or cut off.
            pass
        finally:
            if listener in self.listeners:
                self.listeners.remove(listener)
        return response

    async def _next(self, listener: Listener) -> bytes:
        try:
            return await asyncio.wait_for(listener.waiting.get(), self.keep_alive)
        except TimeoutError:
            return b": still here\n\n"


def outline(platform: Platform) -> int:
    """
    Sum up what the table shows besides grades: when it changes, the table is built anew.
    """
    state = platform.site.state
    courses = (
        (
            course.title,
            tuple((one.user_id, one.name, one.role, one.active) for one in course.people.values()),
            tuple((one.number, str(one.fields), one.locked) for one in course.items.values()),
            tuple(course.links),
        )
        for course in state.courses.values()
    )
    return hash((id(state), tuple(platform.launches.connections), *courses))
