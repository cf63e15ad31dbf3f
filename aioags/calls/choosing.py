"""
Which transport a `Client` sends with: the lane, where this aiohttp carries it, else a session.
"""

from __future__ import annotations

import os
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from aioags._version import __version__
from aioags.calls.log import INFO, WARNING, log
from aioags.calls.transport import AiohttpTransport, Session, Transport
from aioags.model.policy import Timeouts
from aioags.protocol.messages import Request, Response

VARIABLE = "AIOAGS_TRANSPORT"
"""Environment variable that chooses where the program does not: ``lane`` or ``session``."""

Choice = Literal["lane", "session"]


def open_transport(
    choice: Choice | Transport | None = None,
    *,
    session: Session | None = None,
    timeouts: Timeouts = Timeouts(),  # noqa: B008
    user_agent: str = f"aioags/{__version__}",
) -> Transport:
    """
    Return what to send with: what a `Client` opens by itself, for those who share it with launches.

    Args:
        choice: ``"lane"``, ``"session"``, or a transport, which serves as it is. None: as the environment variable
            ``AIOAGS_TRANSPORT`` says; without it the lane where the installed aiohttp carries it, else a session.

        session: The caller's own, who closes it.

        timeouts: Bounds for each try.

        user_agent: Value of the ``User-Agent`` header.

    Raises:
        ValueError: Neither ``lane`` nor ``session``; or a session and something else.
    """
    if session is not None:
        if choice not in (None, "session"):
            raise ValueError("give a session or a transport, not both")
        log(INFO, "aioags sends through the session that it was given, not through its lane")
        return AiohttpTransport(session, timeouts=timeouts, user_agent=user_agent)
    if choice is not None and not isinstance(choice, str):
        return choice
    named = choice or os.environ.get(VARIABLE) or None
    if named not in (None, "lane", "session"):
        raise ValueError(f"transport (or {VARIABLE}) must be 'lane', 'session' or a Transport, got {named!r}")
    return DefaultTransport(timeouts=timeouts, user_agent=user_agent, named=named)


class DefaultTransport:
    """
    Sends through the lane, or through a session where this aiohttp does not carry the lane. Decided at the first
    request, and said in the log where it is the session.

    What strangers chose the URL of goes through another one, `public`.

    Args:
        timeouts: Bounds for each try.

        user_agent: Value of the ``User-Agent`` header.

        named: ``lane``: no session; the first request raises `RuntimeError` instead. ``session``: no lane.

        public: Connects to public addresses only. None: one is made when it is needed.

    Attributes:
        chosen: Which one it is. None: nothing was sent yet.

        send: As `Transport.send`; after the first request that of the transport that was chosen.
    """

    def __init__(
        self,
        *,
        timeouts: Timeouts,
        user_agent: str,
        named: str | None = None,
        public: Transport | None = None,
    ) -> None:
        self._timeouts = timeouts
        self._agent = user_agent
        self._named = named
        self._public = public
        self.chosen: Transport | None = None
        self._closed = False
        self.send: Any = self._send_first

    async def _send_first(self, request: Request) -> Response:
        if self._closed:
            raise RuntimeError("the Client is closed")
        if self.chosen is None:
            self.chosen = self._choose()
            place = urlsplit(request.url)
            if place.scheme in getproxies() and not proxy_bypass(place.hostname or ""):
                log(WARNING, "the environment's proxy for %(host)s is not used: give a session", host=place.hostname)
        # An attribute, not a method: so the choice costs later requests nothing.
        self.send = self.chosen.send
        return await self.chosen.send(request)

    @property
    def public(self) -> Transport:
        """
        What connects to public addresses only.
        """
        if self._public is None:
            from aioags.calls.public_only import PublicTransport

            log(INFO, "aioags asks what strangers chose by a session that connects to public addresses only")
            self._public = PublicTransport(timeouts=self._timeouts)
        return self._public

    def _choose(self) -> Transport:
        if self._named != "session":
            from aioags.calls.lane import LaneTransport
            from aioags.calls.lane_check import fault_of_aiohttp

            if (fault := fault_of_aiohttp()) is None:
                return LaneTransport(timeouts=self._timeouts, user_agent=self._agent)
            if self._named == "lane":
                raise RuntimeError(f"the lane cannot be used: {fault}")
            log(WARNING, "aioags sends through a session, which costs more: %(fault)s", fault=fault)
        return AiohttpTransport(timeouts=self._timeouts, user_agent=self._agent)

    async def aclose(self) -> None:
        """
        Close what was opened.
        """
        self._closed = True
        for opened in (self.chosen, self._public):
            if opened is not None:
                await opened.aclose()
